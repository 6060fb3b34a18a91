"""Methods compared: their numbers recorded, their paired differences, and one table of means with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from petrecon.compendium.notebook.record import record
from petrecon.compendium.notebook.tables import table
from petrecon.errors import InputError, did_you_mean
from petrecon.metrics import Interval, Units, format_interval, interval

Key = str | Callable[[str, str], str | None] | None


class Compared(NamedTuple):
    """What `compare` recorded: intervals by row, or by row and column where there are columns.

    Attributes
    ----------
    cells : dict
        Of every cell that has samples or an interval.
    gains : dict
        Of the differences from the row compared with.
    """

    cells: dict[str, Any]
    gains: dict[str, Any]

    def _ipython_display_(self) -> None:
        """Show nothing where a cell ends with it."""


def compare(
    rows: Mapping[str, Any],
    *,
    key: Key,
    units: Units,
    unit: str | Mapping[str, str] = "",
    name: str = "",
    caption: str = "",
    columns: Mapping[str, str] | None = None,
    row_name: str = "method",
    digits: int | Mapping[str, int] = 2,
    against: str | None = None,
    gain_key: Key = None,
    note: str | Mapping[str, str] = "",
) -> Compared:
    """Record the samples of every row, and show them as one table of means with intervals.

    Parameters
    ----------
    rows : mapping of row to value, or to mapping of column to value
        A value is a list or array of samples (whose interval `record` makes), an `Interval`, a number, or a text
        for the table.
    key : str, callable or None
        The name under which a value is recorded: a prefix (`"psnr"` makes `psnr/DDIP`, with columns
        `psnr/DDIP/grey`), a pattern (`"{column}/{row}"`), or a function of row and column that returns the name or
        None. With None nothing is recorded. Texts are not recorded.
    units : str or mapping
        What a sample is one of; see `record`.
    unit : str, or mapping of column to str
        The unit.
    name, caption : str
        Of the table; no table without a name.
    columns : mapping of column to str, optional
        Headings of the columns shown, in their order; those left out are only recorded. Without it, all of them.
    row_name : str
        Heading of the column of rows.
    digits : int, or mapping of column to int
        Digits after the point.
    against : str, optional
        The row with which every other one is compared, sample by sample.
    gain_key : str, callable or None
        As `key`, for the differences (row minus `against`), which are recorded as comparisons.
    note : str, or mapping of row or column to str
        What a reader of the ledger should know.

    Returns
    -------
    Compared
        The intervals, to be printed by `format_interval`.

    Raises
    ------
    InputError
        If there is no row, if `against` is none, or what `record` and `table` raise.
    """
    if not rows:
        raise InputError("compare needs at least one row")
    if against is not None and against not in rows:
        raise InputError(f"no row is named {against!r}.{did_you_mean(against, rows)}")
    several = {row: dict(value) if isinstance(value, Mapping) else {"": value} for row, value in rows.items()}
    cells: dict[str, dict[str, Any]] = {}
    gains: dict[str, dict[str, Any]] = {}
    for row, values in several.items():
        cells[row], gains[row] = {}, {}
        for column, value in values.items():
            words: dict[str, Any] = {"unit": _of(unit, column), "note": _of(note, row) or _of(note, column)}
            cells[row][column] = _cell(_name(key, row, column), value, units, words)
            if against is None or row == against or (label := _name(gain_key, row, column)) is None:
                continue
            gained = np.subtract(value, several[against][column])
            words["note"] = f"{row} minus {against}"
            gains[row][column] = record(label, samples=gained, units=units, compares=(row, against), **words)
    if name:
        _show(cells, gains, against, columns, row_name, digits, name, caption)
    nested = any(isinstance(value, Mapping) for value in rows.values())
    return Compared(_by_row(cells, nested), _by_row(gains, nested))


def _cell(key: str | None, value: Any, units: Units, words: dict[str, Any]) -> Any:
    """Return what the table shows of a value: an interval, a number or a text; recorded when it has a key."""
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, Interval):
        return value if key is None else record(key, interval=value, **words)
    if np.ndim(value) == 0:
        if key is not None:
            record(key, value, **words)
        return value
    return interval(value, units=units) if key is None else record(key, samples=value, units=units, **words)


def _show(
    cells: Mapping[str, Mapping[str, Any]],
    gains: Mapping[str, Mapping[str, Any]],
    against: str | None,
    columns: Mapping[str, str] | None,
    row_name: str,
    digits: int | Mapping[str, int],
    name: str,
    caption: str,
) -> None:
    import pandas as pd

    seen = {column: column for values in cells.values() for column in values}
    shown = seen if columns is None else columns
    if missing := set(shown) - set(seen):
        raise InputError(f"table {name}: no row has a column {min(missing)!r}.{did_you_mean(min(missing), seen)}")
    lines = []
    for row, values in cells.items():
        line: dict[str, Any] = {row_name: row}
        for column, heading in shown.items():
            places = digits.get(column, 2) if isinstance(digits, Mapping) else digits
            line[heading or "mean"] = _written(values.get(column), places)
            if any(column in several for several in gains.values()):
                gain = gains[row].get(column)
                line[f"{heading} minus {against}".strip()] = _written(gain, places, sign=True)
        lines.append(line)
    table(pd.DataFrame(lines), name=name, caption=caption)


def _written(value: Any, digits: int, sign: bool = False) -> Any:
    if isinstance(value, Interval):
        return format_interval(value, digits, sign=sign, over=False)
    if value is None or isinstance(value, (str, int, np.integer)):
        return value
    return f"{float(value):.{digits}f}"


def _name(key: Key, row: str, column: str) -> str | None:
    if not isinstance(key, str):
        return key(row, column) if key else None
    if "{" in key:
        return key.format(row=row, column=column)
    return "/".join(filter(None, (key, row, column)))


def _of(texts: str | Mapping[str, str], name: str) -> str:
    return texts if isinstance(texts, str) else texts.get(name, "")


def _by_row(found: dict[str, dict[str, Any]], nested: bool) -> dict[str, Any]:
    """Return the intervals among what was found, without columns where there are none."""
    kept = {row: {c: v for c, v in values.items() if isinstance(v, Interval)} for row, values in found.items()}
    return {row: values if nested else values[""] for row, values in kept.items() if values}
