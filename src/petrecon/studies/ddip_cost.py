"""What a reconstruction by DDIP costs, how far out of its training a prior may go, and what the chapter records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from petrecon.compendium import record
from petrecon.ddip import DDIPResult
from petrecon.metrics import Interval, format_interval, psnr
from petrecon.studies.ddip_cases import Case

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Cost:
    """What a reconstruction cost, and how good it is.

    Attributes
    ----------
    method : str
    steps : int
        Sampling steps.
    forward, backward, em : int
        Passes of the network, and EM iterations.
    seconds, projector_seconds : float
        Per slice; the projector's are those outside the network's.
    psnr : list of float
        Of every realisation, dB.
    """

    method: str
    steps: int
    forward: int
    backward: int
    em: int
    seconds: float
    projector_seconds: float
    psnr: list[float]

    @property
    def mean(self) -> float:
        """Mean PSNR, dB."""
        return float(np.mean(self.psnr))


def record_cost(method: str, steps: int, result: DDIPResult, case: Case) -> Cost:
    """Record the seconds per slice and the PSNR of a reconstruction.

    Parameters
    ----------
    method : str
        A family of settings.
    steps : int
        Sampling steps.
    result : DDIPResult
        Of every realisation of `case`.
    case : Case
    """
    quality = [psnr(image, case.truth) for image in result.image]
    seconds = {part: total / len(case.counts) for part, total in result.seconds.items()}
    passes = (result.nfe, result.backwards, result.em_iterations)
    cost = Cost(method, steps, *passes, sum(seconds.values()), seconds["em"], quality)
    record(f"cost/{method}/{steps}", cost.seconds, unit="s")
    record(f"quality/{method}/{steps}", samples=quality, units="noise draws", unit="dB")
    return cost


def cost_table(costs: Sequence[Cost]) -> pd.DataFrame:
    """Return one row per reconstruction: passes, EM iterations, seconds per slice and mean PSNR (dB)."""
    import pandas as pd

    return pd.DataFrame(
        {
            "method": cost.method,
            "steps": cost.steps,
            "forward": cost.forward,
            "backward": cost.backward,
            "EM": cost.em,
            "s": cost.seconds,
            "projector s": cost.projector_seconds,
            "PSNR": cost.mean,
        }
        for cost in costs
    )


def seconds_to_reach(psnr: float, costs: Sequence[Cost], realisation: int) -> float | None:
    """Return the seconds that a method needs for a PSNR in one realisation; None where it never gets there.

    Parameters
    ----------
    psnr : float
        dB.
    costs : sequence of Cost
        The method with more and more steps; interpolated between them, the best so far counting at each.
    realisation : int
    """
    best = np.maximum.accumulate([cost.psnr[realisation] for cost in costs])
    return float(np.interp(psnr, best, [cost.seconds for cost in costs])) if best[-1] >= psnr else None


def record_equal_quality(splitting: Cost, rival: Sequence[Cost]) -> str:
    """Record what splitting costs relative to back-propagation at equal PSNR, and gains at about equal time.

    Parameters
    ----------
    splitting : Cost
    rival : sequence of Cost
        Back-propagation with more and more steps. Where it never reaches the PSNR of the splitting its longest time
        stands in, so that the ratio is an upper bound.

    Returns
    -------
    str
        Both numbers in a sentence.
    """
    times = [seconds_to_reach(quality, rival, k) for k, quality in enumerate(splitting.psnr)]
    longest = max(cost.seconds for cost in rival)
    ratios = [splitting.seconds / (longest if time is None else time) for time in times]
    reached = f"{sum(time is not None for time in times)} of {len(times)} realisations reached"
    note = f"time of splitting over back-propagation at equal PSNR; {reached}"
    compares = ("splitting", "back-propagation")
    ratio = record("hqs_time_ratio", samples=ratios, units="noise draws", compares=compares, note=note)
    as_long = min(rival, key=lambda cost: abs(cost.seconds - splitting.seconds))
    gained = np.subtract(splitting.psnr, as_long.psnr)
    gain = record("hqs_gain_equal_time", samples=gained, units="noise draws", compares=compares, unit="dB")
    assert ratio is not None  # samples have an interval
    assert gain is not None
    return (
        f"Splitting over back-propagation at equal quality: **{format_interval(ratio)}** of the time ({reached} it); "
        f"at about equal time the splitting is {format_interval(gain, sign=True, unit='dB')} better."
    )


def record_frozen_longest(cost: Cost) -> None:
    """Record the mean PSNR of the frozen prior with the most steps that were tried."""
    record("frozen_longest", cost.mean, unit="dB", note=f"{cost.steps} steps, {cost.seconds:.1f} s")


def record_far(scores: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, dict[str, Interval]]:
    """Record every method's PSNR in exams near and far, and DDIP's gain over the frozen prior and over Bowsher.

    Parameters
    ----------
    scores : mapping
        Exam → method → PSNR of every realisation, dB.

    Returns
    -------
    dict
        Exam → rival → DDIP's gain with its interval, dB.
    """
    gains: dict[str, dict[str, Interval]] = {}
    words: dict[str, Any] = {"units": "noise draws", "unit": "dB"}
    for exam, by_method in scores.items():
        for method, samples in by_method.items():
            record(f"far/{exam}/{method}", samples=samples, **words)
        for rival in ("frozen prior", "Bowsher"):
            gained = np.subtract(by_method["DDIP"], by_method[rival])
            spread = record(f"far_gain/{exam}/{rival}", samples=gained, compares=("DDIP", rival), **words)
            assert spread is not None  # samples have an interval
            gains.setdefault(exam, {})[rival] = spread
    return gains
