"""A learning rate for a method: climb a grid of multiples until none beside the best one is better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from petrecon.errors import ParameterError


def search_uphill(score: Callable[[float], float], grid: Sequence[float], start: float = 1.0) -> dict[float, float]:
    """Return the scores of the multiples that were tried, the grid walked uphill from `start`.

    The same rule for every method, so that each has the same chance; the best is bracketed by worse ones unless it
    lies at an end of the grid.

    Parameters
    ----------
    score : callable
        Multiple → what is to be large, such as PSNR on held-out subjects (dB).
    grid : sequence of float
        Rising multiples of the published rate.
    start : float
        One of them.

    Raises
    ------
    ParameterError
        If the grid does not rise, or does not hold the start.
    """
    steps = [float(g) for g in grid]
    if not steps or steps[0] <= 0 or any(b <= a for a, b in pairwise(steps)):
        raise ParameterError(f"the grid of learning rates is {steps}: give rising multiples above 0")
    if start not in steps:
        raise ParameterError(f"the grid of learning rates has no {start:g}: start at one of {steps}")
    tried: dict[float, float] = {}

    def at(k: int) -> float:
        if steps[k] not in tried:
            tried[steps[k]] = score(steps[k])
        return tried[steps[k]]

    best = steps.index(start)
    while True:
        beside = [k for k in (best + 1, best - 1) if 0 <= k < len(steps)]
        for k in beside:
            if at(k) > at(best):
                best = k
                break
        else:
            at(best)
            return dict(sorted(tried.items()))
