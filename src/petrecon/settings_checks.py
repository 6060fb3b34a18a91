"""Checks of a settings object's values, each refused by name with the values that would do."""

from __future__ import annotations

import math
from collections.abc import Iterable

from petrecon.errors import ParameterError, did_you_mean


def check_whole(settings: object, *names: str, low: int = 0, high: float = math.inf, cure: str = "") -> None:
    """Refuse a value that is not a whole number from `low` to `high`.

    Parameters
    ----------
    settings : object
        Holds the values.
    *names : str
        Its attributes.
    low, high : int
    cure : str
        What to add to the message.

    Raises
    ------
    ParameterError
        It names the first wrong value and the bounds.
    """
    for name in names:
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            bounds = f"of at least {low}" if math.isinf(high) else f"from {low} to {high}"
            raise ParameterError(f"{name} is {value!r}: give a whole number {bounds}{cure}")


def check_number(settings: object, *names: str, low: float = 0.0, high: float = math.inf, open: bool = False) -> None:
    """Refuse a value that is not a number from `low` to `high`; with `open`, `low` itself is refused too.

    Parameters and errors as `check_whole`.
    """
    for name in names:
        value = getattr(settings, name)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not (low < value if open else low <= value) or not value <= high:
            least = f"above {low:g}" if open else f"of at least {low:g}"
            bounds = f"{least} and at most {high:g}" if open else f"from {low:g} to {high:g}"
            raise ParameterError(f"{name} is {value!r}: give a number {least if math.isinf(high) else bounds}")


def check_choice(settings: object, name: str, choices: Iterable[str]) -> None:
    """Refuse a value that is none of the choices; the message has the nearest one."""
    value, choices = getattr(settings, name), tuple(choices)
    if value not in choices:
        raise ParameterError(f"{name} is {value!r}.{did_you_mean(str(value), choices)}")
