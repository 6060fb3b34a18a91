"""Which packages the code of a run asked for, and the environment that it started in.

`sys.modules` does not tell: a kernel may be forked from a process that has imported more (`runs/warm_server.py`).
"""

from __future__ import annotations

import builtins
import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

_asked: set[str] = set()
_environment: dict[str, str] = {}


def watch_imports() -> None:
    """Note from now on every package that is imported by a notebook, by petrecon, or by a module of the user's own."""
    _environment.update(os.environ)
    plain = builtins.__import__

    def noting(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        module = plain(name, globals, locals, fromlist or (), level)
        if not level and globals is not None and _is_own(globals.get("__name__"), globals.get("__file__")):
            _asked.add(name.partition(".")[0])
        return module

    builtins.__import__ = noting


def asked() -> frozenset[str]:
    """Return the names of the packages asked for since `watch_imports`; of all imported where nobody watches."""
    return frozenset(_asked if _environment else {name.partition(".")[0] for name in sys.modules})


def environment() -> dict[str, str]:
    """Return the variables as they were when `watch_imports` was called: before packages set some of their own."""
    return dict(_environment or os.environ)


@cache
def _is_own(name: Any, file: Any) -> bool:
    """Tell whether a module is no part of the interpreter and of its packages."""
    if name == "__main__" or str(name).partition(".")[0] == "petrecon":
        return True
    return isinstance(file, str) and file.endswith(".py") and is_foreign(Path(os.path.abspath(file)))


def is_foreign(path: Path) -> bool:
    """Tell whether a Python file lies outside of the interpreter's folders and of every folder of packages."""
    return not {"site-packages", "dist-packages"} & set(path.parts) and not any(map(path.is_relative_to, _homes()))


@cache
def _homes() -> tuple[Path, ...]:
    ways = sysconfig.get_paths()
    return tuple(Path(ways[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
