"""One writer per page: a lock that the operating system lets go of, however its holder ends."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

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
    lock, holder = FileLock(_locks() / f"{name}.lock"), _locks() / f"{name}.pid"
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        pid = holder.read_text(encoding="ascii").strip() if holder.is_file() else ""
        raise BusyError(f"{what} is being written by process {pid or 'unknown'}: wait for it, or stop it") from None
    try:
        holder.write_text(str(os.getpid()), encoding="ascii")
        yield
    finally:
        lock.release()


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
    try:
        with FileLock(_locks() / f"{name}.lock", timeout=0):
            return False
    except Timeout:
        return True
