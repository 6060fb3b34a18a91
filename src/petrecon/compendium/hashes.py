"""The sha256 of a file, kept until the file changes."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def file_hash(path: Path) -> str:
    """Return the sha256 of a file's bytes."""
    stat = path.stat()
    return _file_hash(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=2048)
def _file_hash(path: Path, _time: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
