"""Exams like clinical ones: another scanner, few counts, an MR out of place; and what the chapter records of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from petrecon.compendium import record
from petrecon.metrics import format_interval
from petrecon.phantoms import SPLITS
from petrecon.studies.ddip_cases import Case, measure
from petrecon.studies.ddip_comparison import SCORES

if TYPE_CHECKING:
    import pandas as pd

MOST_SHIFT_MM = 2.0
HEIGHTS_MM = (0.0, 45.0)
"""Above the AC-PC plane."""


def clinical_exams(count: int, scanner: str, dose: float, seed: int, *, coarsening: str) -> list[Case]:
    """Measure `count` FDG exams of the test donors in turn, and one of florbetapir, the last.

    Warp, height of the slice and displacement of the MR (up to `MOST_SHIFT_MM` along each axis) are drawn.

    Parameters
    ----------
    count : int
        FDG exams.
    scanner, dose, seed, coarsening :
        As in `measure`.
    """
    chance = np.random.default_rng(seed)
    exams = []
    for k in range(count + 1):
        shift_x, shift_y = (float(mm) for mm in chance.uniform(-MOST_SHIFT_MM, MOST_SHIFT_MM, 2))
        height = float(chance.uniform(*HEIGHTS_MM))
        exams.append(
            measure(
                _donor(k),
                "fdg" if k < count else "florbetapir",
                scanner,
                dose,
                seed + 50 + k,
                coarsening=coarsening,
                slice_mm=height,
                mr_shift_mm=(shift_x, shift_y),
            )
        )
    return exams


def record_exams(
    scores: Mapping[str, Sequence[Mapping[str, float]]], seconds: Mapping[str, float]
) -> tuple[pd.DataFrame, str]:
    """Record the scores of every method, and what DDIP gains over the frozen prior.

    Parameters
    ----------
    scores : mapping
        Method → for every exam of `clinical_exams` its ``psnr`` (dB) and ``ssim``.
    seconds : mapping
        Method → seconds per exam.

    Returns
    -------
    DataFrame
        One row per method: scores of the FDG exams with their intervals, PSNR of florbetapir, seconds.
    str
        The gain over the frozen prior with its interval.
    """
    import pandas as pd

    exams = range(len(scores["DDIP"]) - 1)
    units = {"donors": [_donor(k) for k in exams], "exams": [*exams]}
    rows = []
    for method, each in scores.items():
        row: dict[str, Any] = {"method": method}
        for metric, (digits, unit) in SCORES.items():
            samples = [each[k][metric] for k in exams]
            spread = record(f"fdg/{metric}/{method}", samples=samples, units=units, unit=unit)
            row[f"FDG {metric.upper()}"] = format_interval(spread, digits, over=False) if spread else ""
        row["florbetapir PSNR"] = each[-1]["psnr"]
        record(f"florbetapir/psnr/{method}", each[-1]["psnr"], unit="dB")
        rows.append(row | {"s": seconds[method]})
    gained = [scores["DDIP"][k]["psnr"] - scores["frozen prior"][k]["psnr"] for k in exams]
    spread = record("gain_over_frozen", samples=gained, units=units, compares=("DDIP", "frozen prior"), unit="dB")
    return pd.DataFrame(rows), format_interval(spread, sign=True, unit="dB") if spread else ""


def record_grey_to_white(ratios: Mapping[str, float], truth: float) -> None:
    """Record every method's ratio of grey to white matter in the florbetapir exam."""
    for method, ratio in ratios.items():
        record(f"florbetapir/grey_to_white/{method}", ratio, note=f"truth {truth:.3f}")


def _donor(exam: int) -> str:
    return SPLITS["test"][exam % len(SPLITS["test"])]
