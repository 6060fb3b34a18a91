"""A Sphinx extension: docstrings say shapes as ``(B, *image_shape)`` and sizes as ``|x|``; neither is markup."""

from __future__ import annotations

import re
from typing import Any

_STARS = re.compile(r"(?<![\\*\w`])\*{1,2}(?=[A-Za-z_])(?![^*\n]*[\w.]\*(?!\w))")
_BAR = re.compile(r"(?<!\\)\|")
_LITERAL = re.compile(r"(``.*?``|`[^`]*`)")


def setup(app: Any) -> dict[str, Any]:
    """Register the extension, as Sphinx asks.

    Parameters
    ----------
    app : sphinx.application.Sphinx
    """

    def escape(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
        escape_shapes(lines)

    app.connect("autodoc-process-docstring", escape, priority=400)  # before napoleon adds markup of its own
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def escape_shapes(lines: list[str]) -> None:
    """Escape stars before names and vertical bars in place, except in literals, examples and formulas.

    Parameters
    ----------
    lines : list of str
        Of one docstring.
    """
    body: int | None = None  # indentation of the directive whose body is left alone
    example = False
    for i, line in enumerate(lines):
        start, indent = line.lstrip(), len(line) - len(line.lstrip())
        example = bool(start) and (example or start.startswith(">>>"))
        if body is not None and start and indent <= body:
            body = None
        if start.startswith((".. math::", ".. code")):
            body = indent
        if body is None and not example:
            parts = _LITERAL.split(line)
            lines[i] = "".join(part if n % 2 else _escaped(part) for n, part in enumerate(parts))


def _escaped(text: str) -> str:
    return _BAR.sub(r"\\|", _STARS.sub(lambda stars: stars[0].replace("*", r"\*"), text))
