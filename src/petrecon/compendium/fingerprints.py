"""Fingerprints of everything a run depends on: its source, the modules it imports, the data it reads."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from petrecon.compendium.hashes import file_hash
from petrecon.compendium.imports import modules_used, parse
from petrecon.compendium.profiles import profile_sizes
from petrecon.compendium.runs import Run
from petrecon.errors import CardError
from petrecon.paths import data_dir, root
from petrecon.yaml_files import read_yaml


def data_hash(path: Path) -> str:
    """Return the sha256 of a file of data; of YAML, of what it says, without comments and layout."""
    if path.suffix not in (".yaml", ".yml"):
        return file_hash(path)
    try:
        told = json.dumps(read_yaml(path), sort_keys=True, default=str)
    except (CardError, TypeError):
        return file_hash(path)
    return hashlib.sha256(told.encode()).hexdigest()


def code_hash(path: Path) -> str:
    """Return the sha256 of a module's syntax tree, without comments and docstrings.

    Layout, comments and docstrings do not change it. It is written out by us, not by `ast.dump`, whose text
    differs between Python versions.
    """
    return hashlib.sha256("".join(_dump(parse(path))).encode()).hexdigest()


def _dump(node: Any) -> Iterator[str]:
    if isinstance(node, ast.AST):
        yield type(node).__name__ + "("
        for name, value in ast.iter_fields(node):
            if value is None or value == [] or name in ("ctx", "kind", "type_comment"):
                continue
            if name == "body" and isinstance(value, list):
                value = [part for part in value if not _is_text(part)]
            yield name + "="
            yield from _dump(value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for part in node:
            yield from _dump(part)
        yield "]"
    else:
        yield f"{type(node).__name__}:{node!r},"


def _is_text(node: Any) -> bool:
    """Tell a docstring, or any other text that stands alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def inputs_of(run: Run, also: Iterable[str] = ()) -> dict[str, str]:
    """Return what a run depends on, named so that a message can name it, and each one's hash.

    Parameters
    ----------
    run : Run
        The run.
    also : iterable of str
        Names of files that the run was seen to read: relative to the project's root, or absolute.

    Returns
    -------
    dict
        `source`, `module petrecon.…`, `profile sizes`, `profile sizes of …`, `data data/…`, `file …`; a file that is
        gone hashes to `"missing"`.
    """
    found = {"source": file_hash(run.source.path)}
    for module, path in modules_used(run.source.text).items():
        found[f"module {module}"] = code_hash(path)
    sizes = {n: profile_sizes(n, run.profile) for n in {run.notebook, *_sizes_read(run.source.text)}}
    for notebook, own in sizes.items():
        if own:
            key = "profile sizes" if notebook == run.notebook else f"profile sizes of {notebook}"
            found[key] = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()
    files = [
        *_cards(run),
        *_named_in(run.source.text),
        *_named_in_sizes(sizes),
        *(_absolute(n) for n in also),
    ]
    for path in sorted(set(files)):
        found[_name_of(path)] = data_hash(path) if path.is_file() else "missing"
    return found


def _name_of(path: Path) -> str:
    base = root()
    kind = "data" if path.is_relative_to(base / "data") else "file"
    return f"{kind} {path.relative_to(base) if path.is_relative_to(base) else path}"


def _absolute(name: str) -> Path:
    return root() / name


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


def _named_in(source: str) -> Iterator[Path]:
    """Yield the files under `data/` that are named by a string in the notebook."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _data_file(node.value)


def _sizes_read(source: str) -> Iterator[str]:
    """Yield the notebooks whose sizes are read by name: `profile_sizes("12_name", …)`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "profile_sizes":
            yield from (a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str))


def _named_in_sizes(sizes: Any) -> Iterator[Path]:
    if isinstance(sizes, dict):
        for value in sizes.values():
            yield from _named_in_sizes(value)
    elif isinstance(sizes, list):
        for value in sizes:
            yield from _named_in_sizes(value)
    elif isinstance(sizes, str):
        yield from _data_file(sizes)


def _data_file(text: str) -> Iterator[Path]:
    if not 3 < len(text) < 120 or "\n" in text:
        return
    for path in (
        data_dir() / text,
        data_dir() / "weights" / text,
        data_dir() / "weights" / f"{text}.safetensors",
    ):
        if path.is_file() and path.resolve().is_relative_to(data_dir().resolve()):
            yield path
