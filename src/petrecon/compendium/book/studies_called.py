"""What a notebook calls in `petrecon.studies`, as syntax trees: what a run records may be recorded there."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from petrecon.provenance.imports import module_file, parse

PACKAGE = "petrecon.studies"


def studies_called(notebook: ast.Module) -> list[ast.stmt]:
    """Return what a notebook uses of the studies, directly or through one another.

    Parameters
    ----------
    notebook : ast.Module

    Returns
    -------
    list of ast.stmt
        Each function, class or constant of `petrecon.studies` that is reached by name from the notebook, once.
    """
    reached: dict[tuple[str, str], ast.stmt] = {}
    waiting = list(_used(notebook, _imported(notebook)))
    while waiting:
        module, name = waiting.pop()
        file = module_file(module)
        tree = ast.Module([], []) if file is None else parse(file)
        definitions = _definitions(tree)
        if name in definitions and (module, name) not in reached:
            reached[module, name] = definitions[name]
            names = {own: (module, own) for own in definitions} | _imported(tree)
            waiting += _used(definitions[name], names)
    return [reached[key] for key in sorted(reached)]


def _definitions(module: ast.Module) -> dict[str, ast.stmt]:
    """Return what a module defines at its top, by name."""
    found: dict[str, ast.stmt] = {}
    for node in module.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[node.name] = node
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: node for target in targets if isinstance(target, ast.Name)}
    return found


def _imported(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Return what a module imports from the studies: its name there → module and name; a whole module has no name."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            found |= {alias.asname or alias.name: (f"{PACKAGE}.{alias.name}", "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
            found |= {alias.asname or alias.name: (str(node.module), alias.name) for alias in node.names}
    return found


def _used(tree: ast.AST, names: dict[str, tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Give module and name of each definition that some code mentions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in names:
            yield names[node.id]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            yield names[node.value.id][0], node.attr
