"""Many comparison runs as one study: one sample per pair of scanners, and paired differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from petrecon.errors import InputError, did_you_mean
from petrecon.petite.sources import SPECS
from petrecon.studies.petite_recipes import label, variants

Numbers = Mapping[str, Mapping[str, Any]]
Pair = tuple[str, str]


METRICS = ("psnr", "ssim", "nrmse", "psnr_ideal", "best")
"""What another run must record of a row that joins a study."""

UNITS = "scanner pairs"
"""What one sample of a study is."""

KEPT = "full-kept"
"""Full fine-tuning that keeps BatchNorm's statistics: a row of this study, not of the paper."""


def row_title(architecture: str, row: str) -> str:
    """Return the printed name of a row."""
    return "Full-FT, statistics kept" if row == KEPT else label(row, variants(architecture)[row])


def with_row(numbers: Numbers, row: str, per_cent: float, more: Numbers, pair: Pair) -> Numbers:
    """Return the numbers of a run with a further row, that another run recorded as ``metric/source/target``."""
    extra = {f"{metric}/{row}": more[f"{metric}/{pair[0]}/{pair[1]}"] for metric in METRICS}
    return {**numbers, **extra, f"per_cent/{row}": {"value": per_cent}}


def load_studies(load: Callable[..., Numbers], pairs: Sequence[Pair], **words: Any) -> dict[str, Study]:
    """Return the study of each network, from the comparison runs of some pairs of scanners.

    Parameters
    ----------
    load : callable
        `petrecon.compendium.load_numbers`.
    pairs : sequence of (source, target)
    **words
        Further parameters of the runs: dose, seed, profile.
    """
    kept = load("18_petite_batches", **words)
    found = {}
    for network in SPECS:
        runs = {p: load("13_petite_compare", network=network, source=p[0], target=p[1], **words) for p in pairs}
        if network == "cvt-gan":  # the one with BatchNorm
            runs = {pair: with_row(one, KEPT, 100.0, kept, pair) for pair, one in runs.items()}
        found[network] = Study(runs)
    return found


@dataclass(frozen=True)
class Study:
    """What the comparison runs of one network recorded.

    One sample is one pair of scanners, the mean over its folds and test heads: folds of a pair share the source
    network, the test heads and half of the training subjects, so they are not independent.

    Attributes
    ----------
    runs : mapping
        (source, target) → numbers by key, as `metric/row`, each with its samples over folds.
    """

    runs: Mapping[Pair, Numbers]

    @property
    def rows(self) -> list[str]:
        """Names of the recipes that were run, in order."""
        first = next(iter(self.runs.values()))
        return [key.removeprefix("per_cent/") for key in first if key.startswith("per_cent/")]

    def folds(self, metric: str, row: str, pair: Pair) -> list[float]:
        """Return a metric's values in the folds of one pair, each the mean over test heads.

        Raises
        ------
        InputError
            If that run did not record it.
        """
        key, numbers = f"{metric}/{row}", self.runs[pair]
        if key not in numbers:
            raise InputError(f"the comparison runs have no {key!r}.{did_you_mean(key, numbers)}")
        return [float(v) for v in numbers[key]["samples"]]

    @property
    def full(self) -> str:
        """The better of the ways of full fine-tuning that were run."""
        return self.best([row for row in ("full-ft", KEPT) if row in self.rows])

    def samples(self, metric: str, row: str) -> list[float]:
        """Return a metric's samples, one per pair."""
        return [float(np.mean(self.folds(metric, row, pair))) for pair in self.runs]

    def mean(self, metric: str, row: str) -> float:
        """Return the mean of a metric over pairs."""
        return float(np.mean(self.samples(metric, row)))

    def gain(self, first: str, second: str, metric: str = "psnr") -> list[float]:
        """Return paired differences, first minus second, one per pair: same folds, subjects, test heads and seeds."""
        return [a - b for a, b in zip(self.samples(metric, first), self.samples(metric, second), strict=True)]

    def ratio(self, metric: str, first: str, second: str = "full-ft") -> list[float]:
        """Return paired ratios, first over second, one per pair."""
        return [a / b for a, b in zip(self.samples(metric, first), self.samples(metric, second), strict=True)]

    def value(self, metric: str, row: str) -> float:
        """Return a number that is the same in every run, such as `per_cent` or `trained`."""
        first = next(iter(self.runs.values()))
        return float(first[f"{metric}/{row}"]["value"])

    def best(self, rows: Sequence[str], metric: str = "psnr") -> str:
        """Return the row with the highest mean."""
        return max(rows, key=lambda row: self.mean(metric, row))

    def worst_gain(self, rows: Sequence[str], against: str = "no-ft") -> str:
        """Return the row that gains least over another."""
        return min(rows, key=lambda row: float(np.mean(self.gain(row, against))))
