"""Alternative text is computed from the data."""

from __future__ import annotations

import pytest

from petrecon.compendium.notebook.alt_text import ranking, trend
from petrecon.errors import InputError


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        ([1, 20], [18.2, 24.1], "PSNR rises from 18.2 dB at 1 to 24.1 dB at 20 (iterations)"),
        ([1, 20], [24.1, 18.2], "PSNR falls from 24.1 dB at 1 to 18.2 dB at 20 (iterations)"),
        ([1, 5, 20], [1, 3, 2], "PSNR rises from 1 dB at 1 to 3 dB at 5 and falls to 2 dB at 20 (iterations)"),
        ([1, 5, 20], [3, 1, 2], "PSNR falls from 3 dB at 1 to 1 dB at 5 and rises to 2 dB at 20 (iterations)"),
        ([1, 20], [5, 5], "PSNR stays at 5 dB from 1 to 20 (iterations)"),
    ],
)
def test_a_trend_says_how_the_curve_goes(x, y, said):
    assert trend(x, y, "iterations", "PSNR", "dB") == said


def test_a_ranking_says_first_and_last():
    said = ranking({"FBP": 18.21, "DEQ": 24.06, "MLEM": 20}, "PSNR", "dB")
    assert said == "PSNR is highest for DEQ (24.1 dB) and lowest for FBP (18.2 dB)"
    with pytest.raises(InputError):
        ranking({"FBP": 1.0}, "PSNR")
