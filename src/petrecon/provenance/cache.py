"""Derived arrays on disk, keyed by what was asked, the code that makes them, and the packages it runs on."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from petrecon import paths
from petrecon.provenance.atomic import atomic_path
from petrecon.provenance.code import code_of, is_as_loaded
from petrecon.provenance.files import text_hash
from petrecon.provenance.versions import versions

Arrays = dict[str, NDArray[Any]]

counts = {"read": 0, "made": 0}
"""How often this process read arrays from disk, and how often it made them."""

_KEY = "__key__"


def cached(kind: str, name: str, key: Mapping[str, Any], made_by: str, make: Callable[[], Arrays]) -> Arrays:
    """Return arrays from disk, making them first when they are not there for this key, this code and these packages.

    Written at once or not at all; a damaged file counts as absent. What the same request left behind under other code
    or packages goes. When a module of `made_by` was edited since this process started, nothing is read or written: what
    runs is then not what the files say.

    Parameters
    ----------
    kind : str
        Folder of the cache.
    name : str
        What a person would call it; starts the file's name.
    key : mapping of JSON values
        Everything it depends on besides code and packages: cards, seeds, hashes of files.
    made_by : str
        Module that makes it; this and every petrecon module it imports are in the key.
    make : function
        Returns the arrays as they are to be stored, by name.

    Returns
    -------
    dict of arrays
        Equal bit for bit whether read or made.
    """
    asked = json.dumps(key, sort_keys=True)
    made_of = json.dumps({"code": code_of(made_by), "packages": versions()}, sort_keys=True)
    folder = paths.cache_dir() / kind
    stem = f"{re.sub(r'[^A-Za-z0-9.]+', '-', name)}-{text_hash(asked)[:12]}"
    file = folder / f"{stem}-{text_hash(made_of)[:12]}.npz"
    trusted = is_as_loaded(made_by)
    found = _read(file, asked + made_of) if trusted else None
    if found is not None:
        counts["read"] += 1
        return found
    arrays = make()
    counts["made"] += 1
    if trusted and is_as_loaded(made_by):
        _write(file, {**arrays, _KEY: np.array(asked + made_of)})
        for old in folder.glob(f"{stem}-*.npz"):
            if old != file:
                old.unlink(missing_ok=True)
    return arrays


def _read(file: Path, key: str) -> Arrays | None:
    try:
        with file.open("rb") as stream, np.load(stream) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error):
        return None
    return arrays if str(arrays.pop(_KEY, "")) == key else None


def _write(file: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    with atomic_path(file) as partial, partial.open("wb") as out:
        np.savez_compressed(out, allow_pickle=False, **arrays)  # type: ignore[arg-type]
