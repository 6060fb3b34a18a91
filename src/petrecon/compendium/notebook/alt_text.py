"""Sentences computed from data, for alternative text: how a curve goes, who is first and last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from petrecon.errors import InputError


def trend(x: Any, y: Any, x_name: str, y_name: str, unit: str = "", digits: int = 3) -> str:
    """Say how a curve goes: `PSNR rises from 18.2 dB at 1 to 24.1 dB at 20 (iterations)`.

    Parameters
    ----------
    x, y : (n,) array-like
        The curve; NaN values of y are left out.
    x_name, y_name : str
        What they are; x is named once, in brackets: `"iterations"`, `"mm"`, `"dose"`.
    unit : str
        Unit of y.
    digits : int
        Significant digits.
    """
    xs, ys = (np.asarray(a.detach().cpu() if hasattr(a, "detach") else a, dtype=float).ravel() for a in (x, y))
    keep = np.isfinite(ys)
    xs, ys = xs[keep], ys[keep]
    if ys.size < 2:
        raise InputError(f"trend of {y_name} needs at least two points")

    def value(index: int) -> str:
        return f"{ys[index]:.{digits}g}{' ' + unit if unit else ''}"

    def at(index: int) -> str:
        return f"{value(index)} at {xs[index]:.{digits}g}"

    span, peak, dip = np.ptp(ys), int(ys.argmax()), int(ys.argmin())
    last = ys.size - 1
    if span <= 1e-3 * max(abs(ys).max(), 1e-30):
        return f"{y_name} stays at {value(0)} from {xs[0]:.{digits}g} to {xs[-1]:.{digits}g} ({x_name})"
    if 0 < peak < last and min(ys[peak] - ys[0], ys[peak] - ys[-1]) > 0.1 * span:
        return f"{y_name} rises from {at(0)} to {at(peak)} and falls to {at(last)} ({x_name})"
    if 0 < dip < last and min(ys[0] - ys[dip], ys[-1] - ys[dip]) > 0.1 * span:
        return f"{y_name} falls from {at(0)} to {at(dip)} and rises to {at(last)} ({x_name})"
    verb = "rises" if ys[-1] > ys[0] else "falls"
    return f"{y_name} {verb} from {at(0)} to {at(last)} ({x_name})"


def ranking(values: Mapping[str, float], quantity: str, unit: str = "", digits: int = 3) -> str:
    """Say who is first and last.

    Parameters
    ----------
    values : mapping of str to float
        Two or more.
    quantity, unit : str
    digits : int
        Significant ones.

    Examples
    --------
    >>> ranking({"DEQ": 24.1, "FBP": 18.2, "MLEM": 21.0}, "PSNR", "dB")
    'PSNR is highest for DEQ (24.1 dB) and lowest for FBP (18.2 dB)'
    """
    if len(values) < 2:
        raise InputError(f"ranking of {quantity} needs at least two entries")
    order = sorted(values, key=lambda name: float(values[name]))

    def of(name: str) -> str:
        return f"{name} ({float(values[name]):.{digits}g}{' ' + unit if unit else ''})"

    return f"{quantity} is highest for {of(order[-1])} and lowest for {of(order[0])}"
