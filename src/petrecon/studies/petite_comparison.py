"""What the comparison runs record (one pair of scanners each, and the run on batches), and how chapters read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from petrecon.compendium import load_array, load_numbers, record, save_array
from petrecon.metrics import Interval
from petrecon.petite.evaluate import Scores, mean_scores
from petrecon.petite.pairs import ScanPairs
from petrecon.studies.petite_recipes import PRINTED, STATISTICS_KEPT, FineTuned
from petrecon.studies.petite_results import Numbers, Pair, Study
from petrecon.studies.petite_tuning import BATCHES_RUN

COMPARISON_RUN = "13_petite_compare"

METRICS = {"psnr": "dB", "ssim": "", "nrmse": "", "psnr_brain": "dB", "psnr_ideal": "dB", "best": "dB"}
"""What a comparison run records of every row, one sample per fold, with its unit."""

OF_BATCHES = ("psnr", "ssim", "nrmse", "psnr_ideal", "best")
"""What the run on batches records of every pair, and adds to the study of that pair."""


@dataclass(frozen=True)
class Outcome:
    """What is left of one fine-tuning when its network is gone.

    Attributes
    ----------
    means : dict of float
        By `METRICS`; ``best`` is the best PSNR of some looks at the scored set.
    volumes : list of float
        PSNR (dB) of every volume.
    per_cent : float
    trained, peak_bytes : int
    """

    means: dict[str, float]
    volumes: list[float]
    per_cent: float
    trained: int
    peak_bytes: int

    @classmethod
    def of(cls, tuned: FineTuned) -> Outcome:
        """Return the outcome of a fine-tuning that was scored."""
        assert tuned.fit.best is not None
        means = mean_scores(tuned.scores) | {"best": tuned.fit.best["psnr"]}
        volumes = [float(head["psnr"]) for head in tuned.scores]
        return cls(means, volumes, tuned.per_cent, tuned.trained, tuned.fit.peak_bytes)


def record_row(row: str, folds: Sequence[Outcome], seconds: Sequence[float], test: ScanPairs) -> dict[str, float]:
    """Record what one row of a comparison run reached; return the means over folds.

    Parameters
    ----------
    row : str
    folds : sequence of Outcome
        One per fold of the training subjects.
    seconds : sequence of float
        Of a step, one per round; the least is recorded.
    test : ScanPairs
        What every fold was scored on.
    """
    for metric, unit in METRICS.items():
        record(f"{metric}/{row}", samples=[fold.means[metric] for fold in folds], units="folds", unit=unit)
    record(f"per_cent/{row}", folds[0].per_cent)
    record(f"trained/{row}", folds[0].trained)
    record(f"bytes/{row}", samples=[fold.peak_bytes for fold in folds], units="folds", unit="B")
    note = "per step; methods in turn, least of the rounds"
    record(f"seconds/{row}", samples=[min(seconds)], units="timings", unit="s", note=note)
    heads: dict[str, list[Any]] = {level: labels * len(folds) for level, labels in test.units.items()}
    heads["folds"] = [fold for fold in range(len(folds)) for _ in range(len(test))]
    record(f"volumes/{row}", samples=[v for fold in folds for v in fold.volumes], units=heads, unit="dB")
    return {metric: float(np.mean([fold.means[metric] for fold in folds])) for metric in METRICS}


def record_bounds(bounds: Mapping[str, list[Scores]], test: ScanPairs) -> dict[str, dict[str, float]]:
    """Record the scores of the short scan and of the ceiling (`petrecon.petite.score_bounds`); return their means."""
    for bound, scores in bounds.items():
        for metric in ("psnr", "ssim", "nrmse", "psnr_brain"):
            record(f"{metric}/{bound}", samples=[float(head[metric]) for head in scores], units=test.units)
    return {bound: mean_scores(scores) for bound, scores in bounds.items()}


def record_gains(rows: Mapping[str, Sequence[Outcome]], gaining: Iterable[str]) -> dict[str, Interval | None]:
    """Record what some rows gain over No-FT in PSNR, fold by fold; return the intervals by row."""
    psnr = {row: [fold.means["psnr"] for fold in folds] for row, folds in rows.items()}
    return {
        row: record(
            f"gain/{row}",
            samples=np.subtract(psnr[row], psnr["no-ft"]),
            units="folds",
            compares=(row, "no-ft"),
            unit="dB",
        )
        for row in gaining
    }


def record_slices(slices: Mapping[str, Any], voxel_mm: float) -> None:
    """Keep the slices of the first test head, by title, for the chapter that shows some of them."""
    record("voxel_mm", voxel_mm, unit="mm")
    for title, picture in slices.items():
        save_array(f"slice/{title}", picture)


def record_statistics_kept(pair: Pair, folds: Sequence[Outcome]) -> Numbers:
    """Record, in the run on batches, full fine-tuning with BatchNorm's statistics kept on one pair of scanners.

    Returns
    -------
    mapping
        What was recorded, as `with_statistics_kept` takes it.
    """
    samples = {metric: [fold.means[metric] for fold in folds] for metric in OF_BATCHES}
    for metric, values in samples.items():
        record(f"{metric}/{pair[0]}/{pair[1]}", samples=values, units="folds")
    return {f"{metric}/{pair[0]}/{pair[1]}": {"samples": values} for metric, values in samples.items()}


def load_comparison(network: str, pair: Pair, **parameters: Any) -> Numbers:
    """Return what the comparison run of a network on a pair of scanners recorded.

    Parameters
    ----------
    network : {"cvt-gan", "unetr"}
    pair : (source, target)
    **parameters
        Further parameters of the run: dose, seed, profile.
    """
    return load_numbers(COMPARISON_RUN, network=network, source=pair[0], target=pair[1], **parameters)


def load_slices(
    titles: Iterable[str], network: str, pair: Pair, **parameters: Any
) -> tuple[dict[str, np.ndarray], float]:
    """Return slices of the first test head, (X, Y) by title, scaled, and the side of their voxels in mm."""
    run = {"network": network, "source": pair[0], "target": pair[1], **parameters}
    slices = {title: load_array(f"slice/{title}", COMPARISON_RUN, **run) for title in titles}
    return slices, float(load_comparison(network, pair, **parameters)["voxel_mm"]["value"])


def load_studies(pairs: Sequence[Pair], **parameters: Any) -> dict[str, Study]:
    """Return the study of each network, from the comparison runs of some pairs of scanners.

    Parameters
    ----------
    pairs : sequence of (source, target)
    **parameters
        Further parameters of the runs: dose, seed, profile.
    """
    kept = load_numbers(BATCHES_RUN, **parameters)
    studies = {}
    for network in PRINTED:
        runs = {pair: load_comparison(network, pair, **parameters) for pair in pairs}
        if network == "cvt-gan":  # the one with BatchNorm
            runs = {pair: with_statistics_kept(numbers, kept, pair) for pair, numbers in runs.items()}
        studies[network] = Study(runs)
    return studies


def with_statistics_kept(numbers: Numbers, batches: Numbers, pair: Pair) -> Numbers:
    """Return the numbers of a comparison run with the row that the run on batches recorded for its pair."""
    row = {f"{metric}/{STATISTICS_KEPT}": batches[f"{metric}/{pair[0]}/{pair[1]}"] for metric in OF_BATCHES}
    return {**numbers, **row, f"per_cent/{STATISTICS_KEPT}": {"value": 100.0}}
