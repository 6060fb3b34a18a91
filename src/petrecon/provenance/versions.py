"""Which packages are here, and how they differ from those that made a result."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

NUMERIC = ("numpy", "scipy", "torch", "numba", "monai", "peft", "scikit-image", "nibabel")
"""Packages whose arithmetic or reading decides numbers, as pip names them."""


@cache
def installed(package: str) -> str:
    """Return the version of an installed package (`python`: the interpreter's first two numbers); empty without it."""
    if package == "python":
        return f"{sys.version_info[0]}.{sys.version_info[1]}"
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def versions() -> dict[str, str]:
    """Return the versions of the interpreter and of every package of `NUMERIC` that is installed."""
    return {name: installed(name) for name in ("python", *NUMERIC) if installed(name)}


def differences(made: Mapping[str, str]) -> list[str]:
    """Return one note per package that is here in another version than the one a result was made with."""
    notes = []
    for name in ("python", *NUMERIC):
        if name not in made:
            continue
        before, here = made[name], installed(name)
        if name == "python":
            before = ".".join(before.split(".")[:2])
        if before.split("+")[0] != here.split("+")[0]:
            notes.append(f"made with {name} {before}, here {here or 'none'}")
    return notes
