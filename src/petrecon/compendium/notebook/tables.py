"""Tables as the book shows them: numbered, with a caption and formatted numbers."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from petrecon.compendium.notebook.by_hand import by_hand, unlabelled
from petrecon.compendium.notebook.shown import check_words, show_data
from petrecon.errors import InputError


def table(frame: Any, *, name: str, caption: str, formats: Mapping[str, str] | None = None) -> None:
    """Show a DataFrame as a numbered table of the book.

    Parameters
    ----------
    frame : pandas.DataFrame
        Its columns, and its index when it is named, become the table's columns.
    name : str
        Its label, `tab-…`, unique in the book.
    caption : str
        One or two sentences.
    formats : mapping of column to format, optional
        `{"PSNR (dB)": ".1f"}`; numbers without one are shown with four significant digits.

    Raises
    ------
    InputError
        If a caption or name is missing, the table is empty, or a format names no column.
    """
    name = unlabelled(name) if by_hand() else name
    check_words(name, caption)
    shown = frame.reset_index() if any(n is not None for n in frame.index.names) else frame
    if shown.empty:
        raise InputError(f"table {name} is empty")
    formats = dict(formats or {})
    for column in formats:
        if column not in shown.columns:
            raise InputError(f"table {name} has no column {column!r} to format")
    columns = list(shown.columns)
    rows = [
        [_cell(value, formats.get(column)) for column, value in zip(columns, row, strict=True)]
        for row in shown.itertuples(index=False, name=None)
    ]
    header = [str(column) for column in columns]
    show_data(
        {"text/html": _html(header, rows), "text/plain": shown.to_string(index=False)},
        {"kind": "table", "name": name, "caption": caption, "header": header, "rows": rows},
    )


def _cell(value: Any, spec: str | None) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    if spec is not None and not isinstance(value, str):
        return format(value, spec)
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    return str(value)


def _html(header: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
