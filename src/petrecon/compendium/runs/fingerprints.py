"""Fingerprints of everything a run depends on: its source, the modules it imports, the data it reads."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from petrecon.compendium.runs.plan import planned_runs
from petrecon.compendium.runs.profiles import profile_sizes, sizes_hash
from petrecon.compendium.runs.run import Run
from petrecon.errors import PetreconError
from petrecon.paths import data_dir, root
from petrecon.provenance.files import Stamp, stamp, text_hash
from petrecon.provenance.imports import module_file, modules_used
from petrecon.provenance.inputs import MISSING, hash_now
from petrecon.provenance.reads import input_name

RUNNING = ("petrecon.compendium.runs.execute", "petrecon.compendium.notebook.record")
"""Modules that decide what a kernel starts with and what is kept of it: inputs of every run."""


def inputs_of(run: Run, also: Iterable[str] = ()) -> dict[str, str]:
    """Return what a run depends on, named so that a message can name it, and each one's hash.

    Parameters
    ----------
    run : Run
        The run.
    also : iterable of str
        Names of inputs that the run was seen to read, such as `data data/scanners/hrrt.yaml`.

    Returns
    -------
    dict
        `source`, `module petrecon.…`, `profile sizes`, `profile sizes of …`, `runs of … in …`, `data data/…`,
        `listing data/…`, `file …`, `wheel …`; what is gone hashes to `"missing"`.
    """
    found = {"source": text_hash(run.source.text)}
    names = {f"module {module}" for module in (*RUNNING, *modules_used(run.source.text))}
    sizes = {n: profile_sizes(n, run.profile) for n in {run.notebook, *_sizes_read(run.source.text)}}
    for notebook, own in sizes.items():
        if own:
            key = "profile sizes" if notebook == run.notebook else f"profile sizes of {notebook}"
            found[key] = sizes_hash(own)
    files = [*_cards(run), *_named_in(run.source.text), *_named_in_sizes(sizes)]
    read = {name for name in also if not _is_own(name, sizes, run.profile)}
    for name in sorted(names | set(map(input_name, files)) | read):
        found[name] = _value_now(name) if " of " in name and " in " in name else hash_now(name)
    return found


def stamps_of(inputs: Iterable[str], run: Run) -> dict[str, Stamp | None]:
    """Return what changes when the file of an input is written or replaced, for those inputs that are files."""
    found: dict[str, Stamp | None] = {}
    for name in inputs:
        kind, _, rest = name.partition(" ")
        path = {"source": run.source.path, "module": module_file(rest) if rest else None}.get(kind)
        path = root() / rest if kind in ("data", "file") else path
        if path is not None:
            found[name] = stamp(path) if path.is_file() else None
    return found


def _is_own(name: str, sizes: Iterable[str], profile: str) -> bool:
    return name in {f"profile sizes of {notebook} in {profile}" for notebook in sizes}


def _value_now(name: str) -> str:
    """Return the hash of `runs of … in …` and `profile sizes of … in …`: parts of a file, noted by value."""
    what, _, rest = name.partition(" of ")
    notebook, _, profile = rest.partition(" in ")
    try:
        if what == "runs":
            return text_hash(json.dumps(planned_runs(notebook, profile)))
        return sizes_hash(profile_sizes(notebook, profile))
    except PetreconError:
        return MISSING


def _cards(run: Run) -> Iterator[Path]:
    """Yield the cards and files that parameters name."""
    for name, value in run.parameters.items():
        if not isinstance(value, str) or name == "profile":
            continue
        for folder in ("scanners", "tracers", "anatomies"):
            for ending in (".yaml", ".yml"):
                path = data_dir() / folder / (value + ending)
                if path.is_file():
                    yield path
        if Path(value).is_absolute():
            yield Path(value)


@lru_cache(maxsize=256)
def _texts(source: str) -> tuple[str, ...]:
    """Return the strings of a notebook that could name a file."""
    nodes = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return tuple(dict.fromkeys(text for text in nodes if isinstance(text, str)))


def _named_in(source: str) -> Iterator[Path]:
    """Yield the files under `data/` that are named by a string in the notebook."""
    folder = data_dir()
    for text in _texts(source):
        yield from _data_file(text, folder)


@lru_cache(maxsize=256)
def _sizes_read(source: str) -> tuple[str, ...]:
    """Return the notebooks whose sizes are read by name: `profile_sizes("12_name", …)`."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    first = (c.args[0] for c in calls if isinstance(c.func, ast.Name) and c.func.id == "profile_sizes" and c.args)
    return tuple(a.value for a in first if isinstance(a, ast.Constant) and isinstance(a.value, str))


def _named_in_sizes(sizes: Any) -> Iterator[Path]:
    if isinstance(sizes, dict):
        for value in sizes.values():
            yield from _named_in_sizes(value)
    elif isinstance(sizes, list):
        for value in sizes:
            yield from _named_in_sizes(value)
    elif isinstance(sizes, str):
        yield from _data_file(sizes, data_dir())


def _data_file(text: str, folder: Path) -> Iterator[Path]:
    if not 3 < len(text) < 120 or "\n" in text:
        return
    for name in (text, f"weights/{text}", f"weights/{text}.safetensors"):
        if os.path.isfile(f"{folder}/{name}") and (folder / name).resolve().is_relative_to(folder.resolve()):
            yield folder / name
