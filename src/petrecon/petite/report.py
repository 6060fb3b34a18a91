"""Many comparison runs as one study: samples over scanner pairs and folds, and paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from petrecon.errors import InputError, did_you_mean

Numbers = Mapping[str, Mapping[str, Any]]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Study:
    """What the comparison runs of one network recorded.

    One sample is the mean over test heads in one fold of one pair of scanners: test heads of a fold share the tuned
    network, so they are not independent.

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

    def samples(self, metric: str, row: str, pair: Pair | None = None) -> list[float]:
        """Return a metric's samples over pairs and folds, or those of one pair.

        Raises
        ------
        InputError
            If no run recorded it.
        """
        key = f"{metric}/{row}"
        chosen = self.runs if pair is None else {pair: self.runs[pair]}
        for numbers in chosen.values():
            if key not in numbers:
                raise InputError(f"the comparison runs have no {key!r}.{did_you_mean(key, numbers)}")
        return [float(v) for numbers in chosen.values() for v in numbers[key]["samples"]]

    def mean(self, metric: str, row: str) -> float:
        """Return the mean of a metric over pairs and folds."""
        return float(np.mean(self.samples(metric, row)))

    def gain(self, first: str, second: str, metric: str = "psnr", pair: Pair | None = None) -> list[float]:
        """Return paired differences, first minus second: same pair, fold, subjects, test heads and seed."""
        return np.subtract(self.samples(metric, first, pair), self.samples(metric, second, pair)).tolist()  # type: ignore[no-any-return]

    def ratio(self, metric: str, first: str, second: str = "full-ft") -> list[float]:
        """Return paired ratios, first over second."""
        return np.divide(self.samples(metric, first), self.samples(metric, second)).tolist()  # type: ignore[no-any-return]

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
