"""Two runs that share their noise are compared sample by sample: what both have in common is not uncertainty."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np

from petrecon.compendium.book.compare import compare_runs
from petrecon.compendium.runs.run import plan

DRAW = np.random.default_rng(5)
SHARED = DRAW.normal(20, 5, 40)
FIRST = SHARED + DRAW.normal(0, 0.05, 40)
SECOND = SHARED + 0.3 + DRAW.normal(0, 0.05, 40)


def told(made: Path, name: str, first: np.ndarray, second: np.ndarray) -> tuple[float, float, float, str]:
    """Return the difference that `compare_runs` reports between two runs with these samples, and its interval."""
    original = plan("01", {}).path("notebook")
    paths = []
    for side, samples in (("a", first), ("b", second)):
        stem = f"{name}-{side}"
        for file in original.parent.glob(original.stem + ".*"):
            shutil.copy(file, file.with_name(stem + file.name.removeprefix(original.stem)))
        entry = {"value": float(np.mean(samples)), "unit": "dB", "samples": list(map(float, samples))}
        entry |= {"kind": "bootstrap", "units": {"patients": 40}}
        (original.parent / f"{stem}.numbers.json").write_text(json.dumps({"psnr": entry}), encoding="utf-8")
        paths.append(original.parent / f"{stem}.ipynb")
    line = next(text for text in compare_runs(*paths).splitlines() if text.strip().startswith("psnr:"))
    between = line.split("difference", 1)[1].replace("−", "-")
    value, low, high = (float(n) for n in re.findall(r"[-+]?\d+(?:\.\d+)?(?:e-?\d+)?", between)[:3])
    return value, low, high, line


def test_shared_noise_is_not_part_of_the_interval(made: Path):
    """Paired, the interval is a tenth of what it is when the same samples stand in another order, and beyond chance."""
    value, low, high, line = told(made, "paired", FIRST, SECOND)
    assert low < 0.3 < high
    assert low <= value <= high
    assert high - low < 0.06
    assert "beyond chance" in line
    _, low_mixed, high_mixed, mixed = told(made, "mixed", FIRST, np.roll(SECOND, 7))
    assert high_mixed - low_mixed > 10 * (high - low)
    assert "beyond chance" not in mixed


def test_an_interval_that_holds_zero_is_not_beyond_chance_and_signs_are_second_minus_first(made: Path):
    value, low, high, line = told(made, "back", SECOND, FIRST)
    assert low <= value <= high < 0
    assert "beyond chance" in line
    centred = SECOND - (SECOND - FIRST).mean()
    _, low, high, line = told(made, "none", FIRST, centred + 1e-6)
    assert low < 0 < high
    assert "beyond chance" not in line
