"""Curves carry units, and the alternative text says how each of them goes."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from petrecon.compendium.notebook import curves as module
from petrecon.compendium.notebook.curves import curves
from petrecon.errors import InputError

WORDS = {"xlabel": "time (s)", "ylabel": "PSNR (dB)", "name": "fig-a", "caption": "Curves."}


@pytest.fixture
def shown(monkeypatch):
    kept = []
    monkeypatch.setattr(module, "show", lambda fig, **words: kept.append((fig, words)))
    yield kept
    plt.close("all")


def test_every_curve_is_drawn_and_described_with_its_unit(shown):
    curves({"MLEM": [1.0, 2.0], "OSEM": ([5, 9], [4.0, 2.0])}, x=[0, 10], **WORDS)
    fig, words = shown[0]
    assert [line.get_label() for line in fig.axes[0].lines] == ["MLEM", "OSEM"]
    assert words["alt"] == (
        "MLEM rises from 1 dB at 0 to 2 dB at 10 (time); OSEM falls from 4 dB at 5 to 2 dB at 9 (time)."
    )


def test_repetitions_are_thin_about_their_mean_and_panels_share_their_axes(shown):
    curves({"P1": {"a": np.array([[1.0, 2.0], [3.0, 4.0]])}, "P2": {"a": [2.0, 9.0]}}, log="y", **WORDS)
    left, right = shown[0][0].axes
    np.testing.assert_array_equal(left.lines[0].get_ydata(), [2, 3])
    assert len(left.lines) == 3
    assert left.get_yscale() == right.get_yscale() == "log"
    assert left.get_ylim() == right.get_ylim()
    assert shown[0][1]["alt"].startswith("P1, a rises from 2 dB at 1 to 3 dB at 2")


def test_a_curve_that_does_not_fit_its_axis_is_refused(shown):
    with pytest.raises(InputError, match="one value per point"):
        curves({"a": [1.0, 2.0, 3.0]}, x=[1, 2], **WORDS)
    with pytest.raises(InputError, match="there is no curve"):
        curves({}, **WORDS)
