"""A mean with its interval where there are enough samples for one, and without where there are not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from petrecon.metrics import Interval, interval


def limits(values: Sequence[float]) -> Interval:
    """Return the mean and its bootstrap interval; with fewer than three samples the interval is the mean itself."""
    mean = float(np.mean(values))
    return interval(np.asarray(values)) if len(values) > 2 else Interval(mean, mean, mean)


def gain(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Return `limits` of the paired differences, first minus second."""
    return limits(np.subtract(first, second).tolist())


def told(values: Sequence[float], digits: int = 2, *, sign: bool = False) -> str:
    """Write a mean as ``22.31 [22.10, 22.52]``; with fewer than three samples just ``22.31``."""
    form = f"{'+' if sign else ''}.{digits}f"
    spread = limits(values)
    if len(values) < 3:
        return f"{spread.value:{form}}"
    return f"{spread.value:{form}} [{spread.low:{form}}, {spread.high:{form}}]"
