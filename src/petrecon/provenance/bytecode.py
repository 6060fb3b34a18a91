"""Compiled modules that Python trusts by what their source says, not by its time and size."""

from __future__ import annotations

from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode, PyCompileError, compile

from petrecon.provenance.imports import package_stamps

_CHECKED_HASH = 0b11


def check_by_content() -> None:
    """Make every compiled module of petrecon one that Python compares with its source's content.

    By default Python runs the compiled form of the old text when a module is edited within a second, or its time is
    put back, and its length stays: the page would name the new code. Files that cannot be written are left as they are.
    """
    for path in package_stamps():
        compiled = Path(cache_from_source(str(path), optimization=""))
        try:
            with compiled.open("rb") as file:
                head = file.read(8)
            if head[:4] == MAGIC_NUMBER and int.from_bytes(head[4:], "little") == _CHECKED_HASH:
                continue
            compile(str(path), str(compiled), doraise=True, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
        except (OSError, PyCompileError):
            continue
