"""What modules of petrecon say: hashes of their syntax trees, and whether they still say what was loaded."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from petrecon.provenance import imports
from petrecon.provenance.files import Stamp, kept_by_stamp, text_hash


@kept_by_stamp
def code_hash(path: Path) -> str:
    """Return the sha256 of a module's syntax tree, without comments and docstrings.

    Layout, comments and docstrings do not change it. It is written out by us, not by `ast.dump`, whose text
    differs between Python versions.
    """
    return hashlib.sha256("".join(_dump(imports.parse(path))).encode()).hexdigest()


def code_of(*modules: str) -> dict[str, str]:
    """Return the hash of each of these petrecon modules and of every one they import, directly or not."""
    used = imports.modules_used("\n".join(f"import {module}" for module in modules))
    return {module: code_hash(path) for module, path in used.items()}


def code_digest(*modules: str) -> str:
    """Return one hash for `code_of`."""
    return text_hash("\n".join(f"{module} {digest}" for module, digest in code_of(*modules).items()))


def is_as_loaded(*modules: str) -> bool:
    """Tell whether no module of `code_of` was written since this process started: then it runs what they say now."""
    used = imports.modules_used("\n".join(f"import {module}" for module in modules))
    now = imports.package_stamps()
    return all(_AT_START.get(path) == now.get(path) for path in used.values())


def _dump(node: Any) -> Iterator[str]:
    if isinstance(node, ast.AST):
        yield type(node).__name__ + "("
        for name in node._fields:
            value = getattr(node, name, None)
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


_AT_START: Mapping[Path, Stamp] = imports.package_stamps()
