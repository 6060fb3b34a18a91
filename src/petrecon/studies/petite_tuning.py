"""A learning rate for every row: searched by one rule, recorded by the tuning runs, and read by those after them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from petrecon.compendium import load_numbers, record
from petrecon.errors import InputError, ParameterError, PetreconError, did_you_mean
from petrecon.peft import Recipe
from petrecon.petite.evaluate import mean_scores
from petrecon.petite.pairs import ScanPairs
from petrecon.petite.sources import SourceNetwork
from petrecon.studies.petite_recipes import fine_tune, settings_row

TUNING_RUN, BATCHES_RUN = "12_petite_tuning", "18_petite_batches"


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


def search_rate(
    source: SourceNetwork,
    row: str,
    recipe: Recipe,
    pairs: ScanPairs,
    held: ScanPairs,
    grid: Sequence[float],
    start: float = 1.0,
    **settings: Any,
) -> dict[float, float]:
    """Return the mean PSNR (dB) on held-out subjects by multiple of the published rate; −inf where it diverged.

    Parameters are those of `fine_tune` and `search_uphill`.
    """

    def score(factor: float) -> float:
        try:
            tuned = fine_tune(source, row, recipe, pairs, held, factor=factor, progress=True, **settings)
        except PetreconError:  # diverged
            return -np.inf
        return mean_scores(tuned.scores)["psnr"]

    return search_uphill(score, grid, start)


def record_rate(row: str, tried: Mapping[float, float], before: float) -> dict[float, float]:
    """Record what each multiple of the published rate gained, and the best one; return the gains, dB.

    Parameters
    ----------
    row : str
    tried : mapping of float to float
        Multiple → PSNR (dB), from `search_rate`.
    before : float
        PSNR before tuning, dB.
    """
    gains = {factor: psnr - before for factor, psnr in tried.items()}
    for factor, gain in gains.items():
        if np.isfinite(gain):
            record(f"gain/{row}/{factor:g}", gain, unit="dB", note="over No-FT, on held-out training subjects")
    record_factor(row, tried, "multiple of the published learning rate, the best on held-out subjects")
    return gains


def record_factor(row: str, tried: Mapping[float, float], note: str) -> float:
    """Record the best multiple of the published rate, and return it."""
    best = max(tried, key=lambda factor: tried[factor])
    record(f"factor/{row}", best, note=note)
    return best


def load_factors(network: str, *, statistics_kept: bool = False, **parameters: Any) -> dict[str, float]:
    """Return the tuned multiples of the published rates by row, from the tuning run of a network.

    Parameters
    ----------
    network : str
    statistics_kept : bool
        Full fine-tuning of CVT-GAN keeps BatchNorm's statistics, and has the rate that was tuned so.
    **parameters
        Further parameters of the runs: dose, profile.
    """
    numbers = load_numbers(TUNING_RUN, network=network, **parameters)
    if statistics_kept and network == "cvt-gan":
        numbers |= load_numbers(BATCHES_RUN, **parameters)
    tuned = {key: number for key, number in numbers.items() if key.startswith("factor/")}
    return {key.removeprefix("factor/"): float(number["value"]) for key, number in tuned.items()}


def factor_of(factors: Mapping[str, float], row: str) -> float:
    """Return the multiple of the published rate that a row is tuned with; 1 for No-FT, which trains nothing.

    A row that was not tuned itself takes that of the row whose settings it has: a mix that of PETITE, a method with
    BitFit that of the method.

    Raises
    ------
    InputError
        If neither was tuned.
    """
    if row == "no-ft":
        return 1.0
    base = "petite" if "->" in row else settings_row(row)
    name = next((name for name in (row, base) if name in factors), "")
    if not name:
        raise InputError(f"the tuning run has no {row!r}.{did_you_mean(row, factors)}")
    return factors[name]
