"""Whether the spread of samplers is the uncertainty it should be: what the chapter records of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from petrecon.compendium import record
from petrecon.ddip import coverage

if TYPE_CHECKING:
    import pandas as pd

LEVELS = (0.5, 0.8)


def record_calibration(samples: Mapping[str, Tensor], truths: Tensor) -> pd.DataFrame:
    """Record how much of the truth each sampler's central intervals cover, and how far its samples spread.

    Parameters
    ----------
    samples : mapping of (n, truths, X, Y) tensor
        Sampler → its samples; "exact" those of the exact posterior, which the spread is relative to.
    truths : (truths, X, Y) tensor

    Returns
    -------
    DataFrame
        One row per sampler: coverage of `LEVELS` (%), spread relative to the exact posterior, and error of the mean
        relative to the standard deviation of the truths.
    """
    import pandas as pd

    note = "mean standard deviation of the samples over that of the exact posterior"
    rows = []
    for name, images in samples.items():
        covered = coverage(images, truths, LEVELS)
        for level, share in zip(LEVELS, covered, strict=True):
            record(f"coverage/{name}/{level:g}", float(share))
        spread = float(images.std(0).mean() / samples["exact"].std(0).mean())
        record(f"spread/{name}", spread, note=note)
        error = float((images.mean(0) - truths).square().mean().sqrt() / truths.std())
        shares = {"covers, of 50 %": 100 * covered[0], "of 80 %": 100 * covered[1]}
        rows.append({"sampler": name, **shares, "spread": spread, "error": error})
    return pd.DataFrame(rows)
