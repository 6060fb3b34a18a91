"""One writer per page: a lock that the operating system lets go of, however its holder ends."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from petrecon.errors import BusyError

RUNNING = ".running"
"""Folder of locks and unfinished runs, beside the pages: what is at work does not depend on the cache."""


@contextmanager
def locked(place: Path, what: str, wait: bool = False) -> Iterator[None]:
    """Hold the lock of `place` (a path; the lock is the file `<place>.lock`) while the block runs.

    Parameters
    ----------
    place : Path
        What only one process may write.
    what : str
        Its name in the message.
    wait : bool
        Wait until its holder lets go.

    Raises
    ------
    BusyError
        If another process holds it and `wait` is False; the message names that process and `what`.
    """
    path = _lock(place)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise BusyError(f"{what} is being written by process {holder}: wait for it, or stop it") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextmanager
def working_folder(place: Path) -> Iterator[Path]:
    """Give an empty folder for a run whose lock is held; it goes when the block ends.

    Folders left beside it by runs that were killed, whose locks are free again, are removed first.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    for left in place.parent.iterdir():
        if left.is_dir() and (left == place or not _is_held(left)):
            shutil.rmtree(left, ignore_errors=True)
    place.mkdir()
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _lock(place: Path) -> Path:
    return place.with_name(f"{place.name}.lock")


def _is_held(place: Path) -> bool:
    with _lock(place).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
