"""Hashes of files, kept until the file changes, and what tells that it did."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TypeVar

import yaml

Stamp = tuple[int, int, int, int]
_Value = TypeVar("_Value")
_SETTLED_NS = 2_000_000_000
_EVENTS = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def stamp(path: Path) -> Stamp:
    """Return what changes whenever a file is written or replaced: inode, time of change, modification time, size.

    The time of change is the operating system's: no program sets it, so an edit that restores the modification time
    is seen.
    """
    found = path.stat()
    return found.st_ino, found.st_ctime_ns, found.st_mtime_ns, found.st_size


def is_settled(found: Stamp) -> bool:
    """Tell whether a file's last change lies far enough back that another one would get another time."""
    return time.time_ns() - found[1] > _SETTLED_NS


def kept_by_stamp(function: Callable[[Path], _Value]) -> Callable[[Path], _Value]:
    """Keep what a function of a file returns until the file changes."""
    known: dict[Path, tuple[Stamp, _Value]] = {}

    @wraps(function)
    def keeping(path: Path) -> _Value:
        now = stamp(path)
        if path in known and known[path][0] == now:
            return known[path][1]
        value = function(path)
        if is_settled(now):
            known[path] = (now, value)
        return value

    return keeping


def text_hash(text: str) -> str:
    """Return the sha256 of a text, as of the file that holds it."""
    return hashlib.sha256(text.encode()).hexdigest()


@kept_by_stamp
def file_hash(path: Path) -> str:
    """Return the sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@kept_by_stamp
def data_hash(path: Path) -> str:
    """Return the sha256 of a file of data; of YAML, of what it says in its order, without comments and layout."""
    if path.suffix not in (".yaml", ".yml"):
        return file_hash(path)
    try:
        told = "\n".join(_told(event) for event in yaml.parse(path.read_text(encoding="utf-8"), Loader=_EVENTS))
    except (yaml.YAMLError, UnicodeDecodeError):
        return file_hash(path)
    return text_hash(told)


def _told(event: yaml.Event) -> str:
    parts = (getattr(event, name, None) for name in ("anchor", "tag", "implicit", "value"))
    return f"{type(event).__name__} {list(parts)!r}"


def names_hash(folder: Path) -> str:
    """Return the sha256 of the names in a folder; hidden files and those half written do not count."""
    names = (path.name for path in folder.iterdir())
    return text_hash("\n".join(sorted(n for n in names if not n.startswith(".") and not n.endswith((".partial", "~")))))
