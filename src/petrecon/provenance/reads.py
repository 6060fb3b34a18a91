"""What this process read that decides its results, each with its hash at the time of reading."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from petrecon.paths import cache_dir, root
from petrecon.provenance.files import Stamp, data_hash, names_hash, stamp
from petrecon.provenance.imports import package_dir
from petrecon.provenance.loaded import is_foreign

_noted: dict[str, str] = {}
_stamps: dict[str, tuple[Path, Stamp | None]] = {}
_edited: set[str] = set()
_state = threading.local()
_BY_VALUE = ("parameters.yml", "profiles.yml")
"""Files of `data/` that are no input as a whole: what a run depends on in them is noted by value."""


def input_name(path: Path) -> str:
    """Return what receipts call a file: `data data/…`, `file …` from the project's root, `file /…` outside of it."""
    base = root()
    kind = "data" if path.is_relative_to(base / "data") else "file"
    return f"{kind} {path.relative_to(base) if path.is_relative_to(base) else path}"


def note(name: str, digest: str) -> None:
    """Note an input by its name and its hash; the first note stands."""
    if not _is_silent():
        _noted.setdefault(name, digest)


def note_file(path: Path) -> None:
    """Note that this process reads a file. One that changes between two readings counts as edited."""
    if not _is_silent():
        _note(input_name(path), path, data_hash)


def noted() -> dict[str, str]:
    """Return every input noted, with its hash when it was read first."""
    return dict(_noted)


def edited() -> list[str]:
    """Return the inputs that were written since they were read."""
    for name, (path, before) in _stamps.items():
        if _stamp(path) != before:
            _edited.add(name)
    return sorted(_edited)


@contextmanager
def unnoticed() -> Iterator[None]:
    """Note nothing in this block: what it reads is checked, not used."""
    before = _is_silent()
    _state.silent = True
    try:
        yield
    finally:
        _state.silent = before


def watch() -> Callable[[], None]:
    """Note from now on every file of the project that is opened, and every folder of `data/` that is listed.

    The package's own modules, hidden folders and the cache do not count; files outside the project that no parameter
    names do not either: note those with `petrecon.compendium.track_input`.

    Returns
    -------
    function
        Ends it.
    """
    watched, ended = _Watched(), threading.Event()
    handlers: dict[str, Callable[[tuple[Any, ...]], None]] = {
        "open": watched.opened,
        "os.listdir": watched.listed,
        "os.scandir": watched.listed,
        "subprocess.Popen": watched.started,
    }

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        handler = handlers.get(event)
        if handler is None or ended.is_set() or _is_silent():
            return
        _state.silent = True
        try:
            handler(arguments)
        except Exception:  # one raised in here would stop what is being opened
            pass
        finally:
            _state.silent = False

    sys.addaudithook(hook)
    return ended.set


def note_foreign_modules() -> None:
    """Note the Python files imported from elsewhere than petrecon, the interpreter and its packages."""
    for module in list(sys.modules.values()):
        name = getattr(module, "__file__", None)
        if not isinstance(name, str) or not name.endswith(".py"):
            continue
        path = Path(os.path.abspath(name))
        if is_foreign(path) and not path.is_relative_to(package_dir()) and path.is_file():
            note_file(path)


def _is_silent() -> bool:
    return getattr(_state, "silent", False)


def _stamp(path: Path) -> Stamp | None:
    try:
        return stamp(path)
    except OSError:
        return None


def _note(name: str, path: Path, hashing: Callable[[Path], str]) -> None:
    now = _stamp(path)
    if name not in _noted:
        if not path.is_dir():
            _stamps[name] = (path, now)
        _noted[name] = "missing" if now is None else hashing(path)
    elif name in _stamps and _stamps[name][1] != now:
        _edited.add(name)


class _Watched:
    """The project's folders, and what happens in them; events as Python's audit hooks tell them."""

    def __init__(self) -> None:
        self.base = root()
        self.real = Path(os.path.realpath(self.base))
        self.apart = [package_dir(), Path(os.path.realpath(package_dir())), Path(os.path.realpath(cache_dir()))]

    def opened(self, arguments: tuple[Any, ...]) -> None:
        """Note a file that is opened for reading."""
        name, mode, flags = arguments[:3]
        writes = set("wax+") & set(mode) if isinstance(mode, str) else (flags or 0) & (os.O_WRONLY | os.O_RDWR)
        if not writes and (path := self._inside(name)) is not None:
            _note(input_name(path), path, data_hash)

    def listed(self, arguments: tuple[Any, ...]) -> None:
        """Note a folder of `data/` whose names are read."""
        path = self._inside("." if arguments[0] is None else arguments[0], folder=True)
        if path is not None and path.is_relative_to(self.base / "data"):
            _note(f"listing {path.relative_to(self.base)}", path, names_hash)

    def started(self, arguments: tuple[Any, ...]) -> None:
        """Note the files that the command line of a program names."""
        words = arguments[1]
        for word in [words] if isinstance(words, (str, bytes, os.PathLike)) else words:
            for part in os.fsdecode(word).split():
                path = self._inside(part.strip("\"'`;()<>|&"))
                if path is not None and path.is_file():
                    _note(input_name(path), path, data_hash)

    def _inside(self, name: Any, folder: bool = False) -> Path | None:
        """Return a file's path below the project's root when it can be an input, as named or where links lead."""
        if isinstance(name, int):
            return None
        for path in (os.path.abspath(os.fsdecode(name)), os.path.realpath(os.fsdecode(name))):
            for base in (self.base, self.real):
                if Path(path).is_relative_to(base) and self._counts(Path(path), Path(path).relative_to(base), folder):
                    return self.base / Path(path).relative_to(base)
        return None

    def _counts(self, path: Path, inside: Path, folder: bool) -> bool:
        if any(part.startswith(".") or part == "__pycache__" for part in inside.parts) or not inside.parts:
            return False
        if inside.parts[:1] == ("data",) and inside.name in _BY_VALUE:
            return False
        return not any(path.is_relative_to(apart) for apart in self.apart) and (folder or not path.is_dir())
