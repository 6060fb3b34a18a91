"""numba, with its compiled kernels kept on disk by what the kernels' sources say.

numba's own cache looks at the time and size of the one file that holds a function, not at the functions it inlines
from another: an edited line tracer would go on in a matrix compiled before. Kernels take `njit` and `prange` from here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from numba import config, get_num_threads, njit, prange

from petrecon.errors import MissingError
from petrecon.paths import cache_dir
from petrecon.provenance.files import file_hash, text_hash

__all__ = ["get_num_threads", "njit", "prange"]

_KEPT = 3


def kernel_sources() -> list[Path]:
    """Return the files of this package that define compiled functions, and this one."""
    return [path for path in sorted(Path(__file__).parent.glob("*.py")) if b"njit" in path.read_bytes()]


def _places() -> Iterator[Path]:
    """Yield where compiled kernels may lie: below `NUMBA_CACHE_DIR`, in the project's cache, beside the sources."""
    if named := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(named)
    with suppress(MissingError, OSError):
        yield cache_dir() / "numba"
    yield Path(__file__).parent / "__pycache__"


def _keep_apart() -> None:
    name = f"kernels-{text_hash(' '.join(map(file_hash, kernel_sources())))[:16]}"
    folder = next((place / name for place in _places() if _can_make(place / name)), None)
    if folder is None:
        return
    setattr(config, "CACHE_DIR", str(folder))  # noqa: B010 (numba makes its settings when it is imported)
    others = sorted(folder.parent.glob("kernels-*"), key=lambda path: path.stat().st_mtime)
    for old in others[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _can_make(folder: Path) -> bool:
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
    return os.access(folder, os.W_OK)


_keep_apart()
