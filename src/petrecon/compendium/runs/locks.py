"""One writer per page: a lock that the operating system lets go of, however its holder ends."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from petrecon.compendium.runs.kernels import remove_left
from petrecon.errors import BusyError
from petrecon.paths import working_dir


@contextmanager
def locked(name: str, what: str, wait: bool = False) -> Iterator[None]:
    """Hold the lock `name` while the block runs; with `wait`, after its holder lets go.

    Raises
    ------
    BusyError
        If another process holds it and `wait` is False; the message names that process and `what`.
    """
    path = _locks() / f"{name}.lock"
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
def working_folder(name: str) -> Iterator[Path]:
    """Give an empty folder for a run whose lock is held; it goes when the block ends.

    Folders left by runs that were killed, whose locks are free again, are removed first.
    """
    base = working_dir() / "work"
    base.mkdir(exist_ok=True)
    for left in base.iterdir():
        if left.name == name or not _is_held(left.name):
            remove_left(left)
    folder = base / name
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _locks() -> Path:
    folder = working_dir() / "locks"
    folder.mkdir(exist_ok=True)
    return folder


def _is_held(name: str) -> bool:
    with (_locks() / f"{name}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
