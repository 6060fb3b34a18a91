"""Read the files that a run left: one that is gone or broken is named, with the command that makes it again."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from petrecon.errors import MissingError, PetreconError
from petrecon.metrics.intervals import Interval

_BROKEN = (ValueError, KeyError, TypeError, AttributeError, SyntaxError, EOFError, BadZipFile, zlib.error)


@contextmanager
def reading(path: Path, command: str) -> Iterator[None]:
    """Name `path` and its cure when what is done in the block fails because of what the file holds.

    Raises
    ------
    MissingError
        One line: the file, what is wrong with it, and `command` with `--force`.
    """
    if not path.is_file():
        raise MissingError(f"{path} is gone: run `{command} --force`")
    try:
        yield
    except _BROKEN as error:
        raise _broken(path, command, error) from None


def read_numbers(path: Path, command: str) -> dict[str, dict[str, Any]]:
    """Return the numbers that a run recorded, by key, each with a `value`; errors as `reading`."""
    with reading(path, command):
        numbers: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        if not all("value" in number for number in numbers.values()):
            raise ValueError("a number has no value")
    return numbers


def as_interval(number: Mapping[str, Any]) -> Interval:
    """Return a recorded number with its interval, as `record` returned it; without one where its kind is not known.

    Parameters
    ----------
    number : mapping
        An entry of what `load_numbers` returned.
    """
    value, kind = float(number["value"]), str(number.get("kind", "none"))
    low, high = number.get("interval") or (value, value)
    try:
        return Interval(value, float(low), float(high), kind, dict(number.get("units") or {}))
    except PetreconError:  # recorded before kinds were declared
        return Interval(value, value, value, "none")


def read_arrays(path: Path, command: str) -> dict[str, np.ndarray]:
    """Return the arrays that a run saved, by key; errors as `reading`."""
    with reading(path, command), path.open("rb") as file, np.load(file) as arrays:
        return dict(arrays)


def read_notebook(path: Path, command: str) -> Any:
    """Return an executed notebook; errors as `reading`."""
    import nbformat

    with reading(path, command):
        try:
            return nbformat.read(path, as_version=4)
        except nbformat.ValidationError as error:
            raise _broken(path, command, error) from None


def _broken(path: Path, command: str, error: Exception) -> MissingError:
    why = (str(error).splitlines() or [type(error).__name__])[0]
    return MissingError(f"{path} cannot be read ({why}): run `{command} --force`")
