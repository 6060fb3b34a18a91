"""One page per package of the library: every public name with its docstring, its examples and its source."""

from __future__ import annotations

import ast
import inspect
import textwrap
from pathlib import Path

from petrecon.compendium.book import docstrings
from petrecon.errors import CardError
from petrecon.provenance.files import file_hash, text_hash

_SOURCE = Path(__file__).parents[2]
PREFIX = "api/"
"""How the table of contents names the page of a package: ``api/projectors``."""


def write_api_page(target: Path, name: str) -> None:
    """Write the page that the table of contents names.

    Parameters
    ----------
    target : Path
        The book's sources.
    name : str
        `PREFIX` and a package of the library.

    Raises
    ------
    CardError
        If there is no such package, or it lists no public names.
    """
    init = _SOURCE / name.removeprefix(PREFIX) / "__init__.py"
    if not init.is_file() or not _public_names(init):
        raise CardError(f"book/_toc.yml: {name}: the library has no package {name.removeprefix(PREFIX)!r}")
    path = target / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(api_page(init.parent), encoding="utf-8")


def api_page(package: Path) -> str:
    """Return the page of a package, as MyST Markdown that Sphinx's autodoc fills.

    Nothing is imported: a book that needs no rendering does not wait for PyTorch.

    Parameters
    ----------
    package : Path
        Its folder; `__init__.py` lists the public names in `__all__`.
    """
    names = sorted(_public_names(package / "__init__.py"), key=lambda name: (not name[0].islower(), name.lower()))
    modules = sorted(package.rglob("*.py"))
    defined = _definitions(modules)
    summary = "\n".join(f"   {name}" for name in names if not defined[name].startswith(".. data::"))
    entries = "\n\n".join(defined[name] for name in names)
    hashed = text_hash("".join(map(file_hash, [*modules, Path(str(docstrings.__file__))])))
    return (
        f"% {hashed}: a docstring that changes is read again\n"
        f"(api-{package.name})=\n# petrecon.{package.name}\n\n```{{eval-rst}}\n"
        f".. automodule:: petrecon.{package.name}\n   :no-members:\n\n.. currentmodule:: petrecon.{package.name}\n\n"
        f".. autosummary::\n   :nosignatures:\n\n{summary}\n\n{entries}\n```\n"
    )


def _public_names(init: Path) -> list[str]:
    """Return the list `__all__` of a package, empty when it has none."""
    for statement in ast.parse(init.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == "__all__":
            return list(ast.literal_eval(statement.value))
    return []


def _definitions(modules: list[Path]) -> dict[str, str]:
    """Return the directive of every name that modules define; a constant's holds the text that stands below it."""
    found = {}
    for path in modules:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        for statement, after in zip(body, [*body[1:], None], strict=True):
            if isinstance(statement, ast.ClassDef):
                found[statement.name] = f".. autoclass:: {statement.name}\n   :members:\n   :exclude-members: __init__"
            elif isinstance(statement, ast.FunctionDef):
                found[statement.name] = f".. autofunction:: {statement.name}"
            elif isinstance(statement, ast.Assign | ast.AnnAssign):
                target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
                words = textwrap.indent(_text(after), "   ")
                if isinstance(target, ast.Name):
                    found[target.id] = f".. data:: {target.id}\n\n{words}"
    return found


def _text(statement: ast.stmt | None) -> str:
    value = statement.value if isinstance(statement, ast.Expr) else None
    text = value.value if isinstance(value, ast.Constant) else ""
    return inspect.cleandoc(text) if isinstance(text, str) else ""
