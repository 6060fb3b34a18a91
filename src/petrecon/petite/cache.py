"""Derived volumes on disk, keyed by everything they depend on; a damaged file counts as absent."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from petrecon import paths


def cache_file(key: Mapping[str, Any], kind: str = "petite") -> Path:
    """Return where what `key` describes lies, whether it exists or not."""
    text = json.dumps(key, sort_keys=True, default=str)
    return paths.cache_dir() / kind / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.npz"


def read_volumes(file: Path) -> dict[str, Tensor] | None:
    """Return the stored volumes (float32, or bool), or None when the file is absent or damaged."""
    try:
        with file.open("rb") as stream, np.load(stream) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error):
        return None
    return {k: torch.from_numpy(a if a.dtype == bool else a.astype(np.float32)) for k, a in arrays.items()}


def write_volumes(file: Path, volumes: Mapping[str, Tensor]) -> None:
    """Store volumes atomically, compressed, in half precision (relative rounding 5e-4, far below any noise here)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    arrays = {k: v.numpy() if v.dtype == torch.bool else v.numpy().astype(np.float16) for k, v in volumes.items()}
    handle, temporary = tempfile.mkstemp(dir=file.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as out:
            np.savez_compressed(out, **arrays)  # type: ignore[arg-type]  # the stub takes the names for options
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
