"""A grid of slices has one scale, shows the head, draws MR grey, and says in words who is best."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from petrecon.compendium.notebook import panels as module
from petrecon.compendium.notebook.panels import panels
from petrecon.errors import InputError

WORDS = {"voxel_size": 2.0, "name": "fig-a", "caption": "Slices."}


@pytest.fixture
def shown(monkeypatch):
    kept = []
    monkeypatch.setattr(module, "show", lambda fig, **words: kept.append((fig, words)))
    yield kept
    plt.close("all")


def _disc(value, radius=20.0, shape=(64, 64)):
    x, y = (np.arange(n) * 2.0 + 1 - n for n in shape)
    return value * (np.hypot(x[:, None], y[None, :]) < radius)


def _drawn(fig):
    return {ax.get_title(): ax.images[0] for ax in fig.axes if ax.images and ax.get_label() != "<colorbar>"}


def test_all_activity_is_on_the_scale_of_the_truth_and_mr_is_grey_with_white_matter_bright(shown):
    truth, mr = _disc(10.0), _disc(1.0)
    panels({"truth": truth, "MR": mr, "MLEM": 3 * truth, "DIP": truth / 2}, truth="truth", mr=["MR"], **WORDS)
    drawn = _drawn(shown[0][0])
    assert [drawn[name].get_clim() for name in ("truth", "MLEM", "DIP")] == [(0, 10)] * 3
    assert {drawn[name].get_cmap().name for name in ("truth", "MLEM", "DIP")} == {"gray_r"}
    assert drawn["MR"].get_cmap().name == "gray"
    assert drawn["MR"].get_clim() == (0, 1)


def test_errors_stand_below_their_images_on_a_symmetric_scale_and_mr_below_the_truth(shown):
    truth = _disc(10.0)
    panels(
        {"truth": truth, "MR": _disc(1.0), "MLEM": 1.2 * truth, "DIP": 0.9 * truth},
        truth="truth", mr=["MR"], errors=True, **WORDS,
    )  # fmt: skip
    fig, words = shown[0]
    grid = [ax for ax in fig.axes if ax.get_label() != "<colorbar>"]
    assert [ax.get_title() for ax in grid] == ["truth", "MLEM", "DIP", "MR", "", ""]
    for ax, factor in ((grid[4], 0.2), (grid[5], -0.1)):
        np.testing.assert_allclose(ax.images[0].get_array(), factor * truth.T, atol=1e-12)
        assert ax.images[0].get_clim() == (-5, 5)
    bars = [ax.get_ylabel() for ax in fig.axes if ax.get_label() == "<colorbar>"]
    assert bars == ["activity\n(kBq/mL)", "error\n(kBq/mL)"]
    assert "error is highest for MLEM" in words["alt"]
    assert "lowest for DIP" in words["alt"]


def test_scores_are_means_in_titles_and_ranked_in_the_alternative_text(shown):
    x = _disc(1.0)
    panels({"truth": x, "MLEM": x, "DDIP": x}, scores={"MLEM": [20.0, 21.0], "DDIP": 25.14}, **WORDS)
    fig, words = shown[0]
    assert [*_drawn(fig)] == ["truth", "MLEM, 20.5 dB", "DDIP, 25.1 dB"]
    assert words["alt"] == "PSNR is highest for DDIP (25.1 dB) and lowest for MLEM (20.5 dB)."


def test_the_head_fills_the_grid_unless_a_crop_is_given(shown):
    x = _disc(1.0, radius=20.0)
    panels({"truth": x, "MLEM": x}, **WORDS)
    panels({"truth": x, "MLEM": x}, crop=(10, 30), **WORDS)
    panels({"truth": x, "MLEM": x}, crop=np.inf, **WORDS)
    square, own, whole = (fig.axes[0] for fig, _ in shown)
    assert 20 <= square.get_xlim()[1] <= 26
    assert square.get_xlim() == square.get_ylim()
    assert (own.get_xlim(), own.get_ylim()) == ((-10, 10), (-30, 30))
    assert whole.get_xlim() == (-64, 64)


def test_rows_of_other_activity_share_a_scale_when_relative_and_titles_stand_once(shown):
    fdg, amyloid = _disc(10.0), _disc(4.0)
    rows = {"FDG": {"truth": fdg, "DDIP": fdg / 2}, "amyloid": {"truth": amyloid, "DDIP": amyloid}}
    panels(rows, truth="truth", errors=True, relative=True, **WORDS)
    fig, words = shown[0]
    grid = [ax for ax in fig.axes if ax.get_label() != "<colorbar>"]
    assert [ax.get_title() for ax in grid] == ["truth", "DDIP"] + [""] * 6
    assert grid[1].images[0].get_array().max() == 0.5
    assert grid[5].images[0].get_array().max() == 1.0
    assert [ax.texts[0].get_text() for ax in grid if ax.texts] == ["FDG", "amyloid"]
    assert words["alt"].startswith("FDG: root mean square error of DDIP is 0.1")


def test_a_map_of_errors_is_drawn_as_one_and_absolute_errors_lose_their_sign(shown):
    x = _disc(2.0)
    panels({"truth": x, "DIP": -x}, truth="truth", maps=["DIP"], errors="absolute", error_top=3, **WORDS)
    image = _drawn(shown[0][0])["DIP"]
    assert image.get_clim() == (0, 3)
    assert image.get_array().max() == 2


def test_without_a_unit_the_colour_bar_needs_none(shown):
    x = _disc(1.0)
    panels({"a": x, "b": x / 2}, unit="", quantity="scaled activity", **WORDS)
    assert "scaled activity" in shown[0][1]["dimensionless"]


def test_many_slices_are_wrapped_into_lines_of_about_equal_length(shown):
    panels({f"{k}": _disc(1.0 + k) for k in range(7)}, **WORDS)
    assert shown[0][0].axes[0].get_subplotspec().get_gridspec().ncols == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"errors": True}, "errors need a truth"),
        ({"truth": "thruth"}, "no panel is titled 'thruth'.*truth"),
        ({"mr": ["T1"]}, "no panel is titled 'T1'"),
    ],
)
def test_what_does_not_fit_is_refused(shown, words, message):
    with pytest.raises(InputError, match=message):
        panels({"truth": _disc(1.0), "MLEM": _disc(1.0)}, **words, **WORDS)


def test_a_volume_is_no_panel():
    with pytest.raises(InputError, match="2D slice"):
        panels({"a": np.zeros((3, 3, 3))}, **WORDS)


def test_a_sinogram_stands_beside_the_slices_on_a_scale_of_its_own(shown):
    x, sinogram = _disc(1.0), np.full((7, 30), 900.0)
    panels({"truth": x, "counts": sinogram, "MLEM": x / 2}, truth="truth", sinograms=["counts"], **WORDS)
    fig, words = shown[0]
    assert _drawn(fig)["counts"].get_array().shape == (30, 7)
    assert _drawn(fig)["MLEM"].get_clim() == (0, 1)
    assert "counts" not in words["alt"]


def test_labels_of_colour_bars_stay_beside_their_own_lines(shown):
    rows = {"FDG": {"truth": _disc(2.0), "DDIP": _disc(1.0)}}
    panels(rows, truth="truth", errors=True, relative=True, **WORDS)
    fig = shown[0][0]
    fig.canvas.draw()
    boxes = [ax.yaxis.label.get_window_extent() for ax in fig.axes if ax.get_label() == "<colorbar>"]
    assert not boxes[0].overlaps(boxes[1])
