"""One page per package of the library: every public name with its docstring, its examples and its source."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from itertools import pairwise
from pathlib import Path
from types import ModuleType

from petrecon.compendium.book import docstrings
from petrecon.errors import CardError
from petrecon.provenance.files import file_hash, text_hash

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
    try:
        package: ModuleType | None = importlib.import_module(f"petrecon.{name.removeprefix(PREFIX)}")
    except ModuleNotFoundError:
        package = None
    if package is None or not hasattr(package, "__all__"):
        raise CardError(f"book/_toc.yml: {name}: the library has no package {name.removeprefix(PREFIX)!r}")
    path = target / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(api_page(package), encoding="utf-8")


def api_page(package: ModuleType) -> str:
    """Return the page of a package, as MyST Markdown that Sphinx's autodoc fills.

    Parameters
    ----------
    package : module
        With an `__all__`.
    """
    names = sorted(package.__all__, key=lambda name: (not name[0].islower(), name.lower()))
    summary = "\n".join(f"   {name}" for name in names if callable(getattr(package, name)))
    entries = "\n\n".join(_directive(package, name) for name in names)
    return (
        f"% {_sources_hash(package)}: a docstring that changes is read again\n"
        f"(api-{package.__name__.rsplit('.', 1)[-1]})=\n# {package.__name__}\n\n```{{eval-rst}}\n"
        f".. automodule:: {package.__name__}\n   :no-members:\n\n.. currentmodule:: {package.__name__}\n\n"
        f".. autosummary::\n   :nosignatures:\n\n{summary}\n\n{entries}\n```\n"
    )


def _sources_hash(package: ModuleType) -> str:
    """Return the hash of a package's sources, and of what treats its docstrings."""
    files = [*sorted(Path(package.__path__[0]).rglob("*.py")), Path(str(docstrings.__file__))]
    return text_hash("".join(map(file_hash, files)))


def _directive(package: ModuleType, name: str) -> str:
    public = getattr(package, name)
    if inspect.isclass(public):
        return f".. autoclass:: {name}\n   :members:\n   :exclude-members: __init__"
    if inspect.isroutine(public):
        return f".. autofunction:: {name}"
    words = textwrap.indent(_words_below(package, name), "   ")
    return f".. data:: {name}\n\n{words}"


def _words_below(package: ModuleType, name: str) -> str:
    """Return the text that stands below a constant where it is assigned, in the modules of a package."""
    for path in sorted(Path(package.__path__[0]).rglob("*.py")):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        for statement, after in pairwise(body):
            targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
            if name not in [getattr(target, "id", "") for target in targets] or not isinstance(after, ast.Expr):
                continue
            if isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
                return inspect.cleandoc(after.value.value)
    return ""
