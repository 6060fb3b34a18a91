"""The few MyST blocks that generated pages are written in."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SPECIAL = re.compile(r"([\\`*_{}<>$\[\]#~|%])")


def escape(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", text)


def list_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    caption: str = "",
    name: str = "",
    widths: str = "",
) -> str:
    """Return a table of Markdown cells; with a name and caption it is numbered."""
    options = [":header-rows: 1"] if any(header) else []
    options += [f":name: {name}"] if name else []
    options += [f":widths: {widths}"] if widths else []
    body = [header, *rows] if any(header) else rows
    lines = [part for row in body for part in _row(row)]
    return "\n".join([f"```{{list-table}} {' '.join(caption.split())}".rstrip(), *options, "", *lines, "```"])


def dropdown(title: str, body: str) -> str:
    """Return a block that is folded until the reader opens it."""
    return f"````{{dropdown}} {title}\n{body}\n````"


def _row(cells: Sequence[str]) -> list[str]:
    texts = [" ".join(cell.split()) for cell in cells]
    return [f"{'* -' if index == 0 else '  -'} {text}".rstrip() for index, text in enumerate(texts)]
