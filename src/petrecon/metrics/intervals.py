"""A number with its interval: of which kind, and over what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from petrecon.errors import ParameterError, did_you_mean

KINDS = ("bootstrap", "jackknife", "range", "exact", "none")
"""`exact`: a count or an identity, which needs no interval; `none`: too little is known for one."""

FEWEST = 5
"""Fewer independent units than this say nothing that could be resampled: their range is given instead."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval, in the unit of the samples.

    Attributes
    ----------
    value, low, high : float
        `low` and `high` are the value itself where there is no interval.
    kind : one of `KINDS`
    units : mapping of str to int
        How many of what was independently drawn, outermost first: ``{"donors": 2, "noise draws": 10}`` is ten noise
        draws of each of two donors. Empty for an exact number.
    level : float, optional
        Nominal coverage of a bootstrap or a jackknife; a range has none.

    Raises
    ------
    ParameterError
        If it is no interval: an unknown kind, ends in the wrong order or not finite, or no units.
    """

    value: float
    low: float
    high: float
    kind: str
    units: Mapping[str, int] = field(default_factory=dict)
    level: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ParameterError(f"an interval of kind {self.kind!r}.{did_you_mean(self.kind, KINDS)}")
        if not all(map(math.isfinite, (self.value, self.low, self.high))) or self.low > self.high:
            raise ParameterError(f"an interval goes from low to high, got {self.low} to {self.high}")
        if self.known and not self.units:
            raise ParameterError('an interval names what it is over: units={"patients": 6} for example')
        if any(not name or count < 1 for name, count in self.units.items()):
            raise ParameterError(f"units are names with counts from one up, got {dict(self.units)}")

    @property
    def known(self) -> bool:
        """Whether there is an interval at all."""
        return self.kind in ("bootstrap", "jackknife", "range")

    @property
    def over(self) -> str:
        """What it is over, in words: ``2 donors × 10 noise draws``."""
        return count_units(self.units)

    def __str__(self) -> str:
        """Return the value and its interval with three significant digits."""
        return _written(self, ".3g", ".3g")


def format_interval(found: Interval, digits: int = 2, *, sign: bool = False, unit: str = "", over: bool = True) -> str:
    """Write a number with its interval, and what kind of interval it is where that is no bootstrap.

    ``+0.51 [−0.68, 1.73] dB``; ``0.98 (range 0.97 to 0.99 of 2 patients)``; ``16 [−21, 53] % (jackknife over 6
    doses)``; just ``22.31`` where there is none.

    Parameters
    ----------
    found : Interval
    digits : int
        Digits after the point.
    sign : bool
        Write a plus before a value above zero.
    unit : str
        Its unit.
    over : bool
        Say what it is over; a table can leave that to its caption.

    Examples
    --------
    >>> format_interval(Interval(0.51, -0.68, 1.73, "bootstrap", {"patients": 6}), sign=True, unit="dB")
    '+0.51 [−0.68, 1.73] dB'
    """
    return _written(found, f"{'+' if sign else ''}z.{digits}f", f"z.{digits}f", unit, over)


def count_units(units: Mapping[str, int]) -> str:
    """Return units in words, outermost first: ``2 donors × 10 noise draws``, ``1 body``."""
    return " × ".join(f"{count} {name if count != 1 else singular(name)}" for name, count in units.items())


def singular(units: str) -> str:
    """Return the name of one unit: ``noise draw`` of ``noise draws``, ``body`` of ``bodies``."""
    return f"{units[:-3]}y" if units.endswith("ies") else units.removesuffix("s")


def _written(found: Interval, form: str, ends: str, unit: str = "", over: bool = True) -> str:
    value, low, high = (_number(x, f) for x, f in ((found.value, form), (found.low, ends), (found.high, ends)))
    after, units = f" {unit}" if unit else "", found.over if over else ""
    if found.kind == "range":
        return f"{value}{after} (range {low} to {high}{f' of {units}' if units else ''})"
    if not found.known:
        return f"{value}{after}"
    how = f" (jackknife{f' over {units}' if units else ''})" if found.kind == "jackknife" else ""
    return f"{value} [{low}, {high}]{after}{how}"


def _number(value: float, form: str) -> str:
    return f"{value:{form}}".replace("-", "−")
