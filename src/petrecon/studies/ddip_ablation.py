"""DDIP taken apart: one change of its settings at a time, on the same exams, and what the chapter records of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from petrecon.compendium import record
from petrecon.ddip import DDIPSettings, count_configurations
from petrecon.metrics import Interval, format_interval, psnr
from petrecon.models import NoiseSchedule, ScoreNetwork
from petrecon.studies.ddip_cases import TRACERS, Case
from petrecon.studies.ddip_methods import by_settings

if TYPE_CHECKING:
    import pandas as pd

Scores = Mapping[Any, Sequence[float]]


class Ablation:
    """Reconstructions of the same exams with changing settings; what was run before is not run again.

    Parameters
    ----------
    cases : mapping
        Tracer → case.
    network, schedule, seed :
        As in `ddip`.
    """

    def __init__(self, cases: Mapping[str, Case], network: ScoreNetwork, schedule: NoiseSchedule, seed: int) -> None:
        self.cases = dict(cases)
        self._prior = (network, schedule, seed)
        self._images: dict[tuple[str, DDIPSettings], Tensor] = {}

    def images(self, settings: DDIPSettings, tracer: str = "amyloid-negative") -> Tensor:
        """Return every realisation, (R, X, Y) in kBq/mL."""
        key = (tracer, settings)
        if key not in self._images:
            self._images[key] = by_settings(self.cases[tracer], settings, *self._prior)
        return self._images[key]

    def psnr(self, settings: DDIPSettings, tracer: str = "amyloid-negative") -> list[float]:
        """Return the PSNR of every realisation, dB."""
        return [psnr(image, self.cases[tracer].truth) for image in self.images(settings, tracer)]


def trained_parameters(
    network: ScoreNetwork, ranks: Sequence[int], targets: Sequence[str], rank: int
) -> dict[str, int]:
    """Count what LoRA trains: ``rank r`` with all layers adapted, ``target only`` at one rank.

    Parameters
    ----------
    network : ScoreNetwork
    ranks, targets : sequences
        As in `count_configurations`.
    rank : int
        Of the single targets.
    """
    by_rank = count_configurations(network, ranks, ["all"]).set_index("rank")["parameters"]
    by_target = count_configurations(network, [rank], targets).set_index("adapted")["parameters"]
    counts = {f"rank {r}": int(by_rank[r]) for r in ranks}
    return counts | {f"{target} only": int(by_target[target]) for target in targets}


def record_variants(scores: Mapping[tuple[str, str], Sequence[float]]) -> pd.DataFrame:
    """Record the PSNR of every variant and tracer, and what the MR adds.

    Parameters
    ----------
    scores : mapping
        (variant, tracer) → PSNR of every realisation, dB; one variant is "DDIP", one "without MR".

    Returns
    -------
    DataFrame
        One row per variant: PSNR of each tracer with its interval, and the change from DDIP.
    """
    import pandas as pd

    rows = []
    for variant in dict.fromkeys(variant for variant, _ in scores):
        row: dict[str, Any] = {"variant": variant}
        for tracer, label in TRACERS.items():
            samples = scores[variant, tracer]
            spread = record(f"variant/{variant}/{tracer}", samples=samples, units="noise draws", unit="dB")
            row[label] = format_interval(spread, over=False) if spread else ""
            if variant != "DDIP":
                row[f"{label}: change"] = f"{np.mean(samples) - np.mean(scores['DDIP', tracer]):+.2f}"
        rows.append(row)
    draws = len(scores["DDIP", "fdg"])
    record(
        "mr_gain",
        samples=np.concatenate([np.subtract(scores["DDIP", t], scores["without MR", t]) for t in TRACERS]),
        units={"tracers": np.repeat([*TRACERS], draws).tolist(), "noise draws": [*range(draws)] * len(TRACERS)},
        compares=("DDIP", "DDIP without MR"),
        unit="dB",
        note="DDIP minus DDIP without MR, one head",
    )
    return pd.DataFrame(rows).fillna("")


def record_ranks(scores: Scores, trained: Mapping[str, int]) -> dict[str, Interval]:
    """Record the PSNR of every rank and target, and what the largest rank gains over rank 4.

    Parameters
    ----------
    scores : mapping
        As `trained_parameters` names them → PSNR of every realisation, dB.
    trained : mapping
        The same names → trained parameters.

    Returns
    -------
    dict
        Name → PSNR with its interval.
    """
    ranks = [name for name in scores if name.startswith("rank ")]
    largest = max(ranks, key=lambda name: trained[name])
    _record_gain("rank_gain", scores[largest], scores["rank 4"], (largest, "rank 4"))
    return {
        name: _record(f"rank/{name}", samples, f"{trained[name]} trained parameters")
        for name, samples in scores.items()
    }


def record_starts(scores: Scores) -> dict[int, Interval]:
    """Record the PSNR by starting time T′, and what the latest start gains over T′ = 200."""
    latest = max(scores)
    _record_gain("start_gain", scores[latest], scores[200], (f"T' = {latest}", "T' = 200"))
    return {start: _record(f"start/{start}", samples) for start, samples in scores.items()}


def record_weights(scores: Scores) -> dict[float, Interval]:
    """Record the PSNR by the weight of the splitting, β/s."""
    return {weight: _record(f"beta/{weight:g}", samples) for weight, samples in scores.items()}


def _record(key: str, samples: Sequence[float], note: str = "") -> Interval:
    spread = record(key, samples=samples, units="noise draws", unit="dB", note=note)
    assert spread is not None  # samples have an interval
    return spread


def _record_gain(key: str, first: Sequence[float], second: Sequence[float], compares: tuple[str, str]) -> None:
    gained, note = np.subtract(first, second), " minus ".join(compares)
    record(key, samples=gained, units="noise draws", compares=compares, unit="dB", note=note)
