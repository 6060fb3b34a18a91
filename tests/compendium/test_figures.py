"""A figure without caption, units, alternative text or a fair colour map is refused."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from petrecon.compendium.notebook import figures
from petrecon.compendium.notebook.figures import image, show, style
from petrecon.errors import InputError

ALT = "PSNR rises from 18.2 dB at 1 to 24.1 dB at 20 iterations"


@pytest.fixture
def shown(monkeypatch):
    kept = []
    monkeypatch.setattr(figures, "show_data", lambda data, metadata: kept.append((data, metadata)))
    yield kept
    plt.close("all")


def _line(xlabel="time (s)", ylabel="PSNR (dB)", **kwargs):
    fig, ax = plt.subplots(**kwargs)
    ax.plot([1, 2], [3, 4])
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return fig


def test_a_good_figure_is_shown_with_its_words_and_closed(shown):
    fig = _line()
    show(fig, name="fig-a", caption="A line.", alt=ALT)
    data, metadata = shown[0]
    assert data["image/png"].startswith(b"\x89PNG")
    assert metadata == {"kind": "figure", "name": "fig-a", "caption": "A line.", "alt": ALT}
    assert not plt.fignum_exists(fig.number)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"caption": " "}, "has no caption"),
        ({"alt": "too short"}, "alt text must say what the figure shows"),
        ({"alt": ALT, "caption": ALT}, "repeats the caption"),
        ({"name": "Fig 1"}, "lower-case letters, digits and hyphens"),
    ],
)
def test_missing_words_are_refused(shown, words, message):
    with pytest.raises(InputError, match=message):
        show(_line(), **{"name": "fig-a", "caption": "A line.", "alt": ALT, **words})
    assert not shown


@pytest.mark.parametrize(
    ("xlabel", "ylabel", "message"),
    [
        ("", "PSNR (dB)", "an x axis has no label"),
        ("time (s)", "", "a y axis has no label"),
        ("time", "PSNR (dB)", "'time' without a unit"),
    ],
)
def test_axes_without_names_or_units_are_refused(shown, xlabel, ylabel, message):
    with pytest.raises(InputError, match=message):
        show(_line(xlabel, ylabel), name="fig-a", caption="A line.", alt=ALT)


def test_units_may_be_left_out_where_there_are_none(shown):
    show(_line("iteration", "SSIM"), name="fig-a", caption="A.", alt=ALT, dimensionless=["iteration", "SSIM"])
    fig, ax = plt.subplots()
    ax.bar(["MLEM", "MAP"], [1, 2])
    ax.set_ylabel("PSNR (dB)")
    show(fig, name="fig-b", caption="B.", alt=ALT)
    fig, axes = plt.subplots(1, 2, sharey=True)
    for ax in axes:
        ax.plot([0, 1])
        ax.set_xlabel("x (mm)")
    axes[0].set_ylabel("activity (a.u.)")
    show(fig, name="fig-c", caption="C.", alt=ALT)
    assert len(shown) == 3


@pytest.mark.parametrize("cmap", ["jet", "rainbow", "hsv", "jet_r", "nipy_spectral"])
def test_misleading_colour_maps_are_refused(shown, cmap):
    fig, ax = plt.subplots()
    image(ax, np.eye(4), 2.0, cmap=cmap, label="activity (kBq/mL)")
    with pytest.raises(InputError, match=f"colour map {cmap} misleads"):
        show(fig, name="fig-a", caption="A.", alt=ALT)


def test_a_colour_bar_needs_a_unit(shown):
    fig, ax = plt.subplots()
    image(ax, np.eye(4), 2.0, label="activity")
    with pytest.raises(InputError, match="the colour bar is labelled 'activity' without a unit"):
        show(fig, name="fig-a", caption="A.", alt=ALT)


def test_a_slice_lies_in_millimetres_x_right_y_up():
    """The voxel at (x, y) = (last, first) is drawn right and at the bottom, centred on its millimetres."""
    array = np.zeros((4, 2))
    array[3, 0] = 1.0
    _, ax = plt.subplots()
    drawn = image(ax, array, (2.0, 3.0))
    assert drawn.get_extent() == [-4.0, 4.0, -3.0, 3.0]
    assert drawn.get_array()[0, 3] == 1.0
    assert drawn.origin == "lower"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x (mm)", "y (mm)")
    with pytest.raises(InputError, match="2D slice"):
        image(ax, np.zeros((2, 2, 2)), 1.0)
    plt.close("all")


def test_the_palette_can_be_told_apart_without_colour():
    """The palette has no colour twice, and `style` sets it."""
    style()
    assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == list(figures.PALETTE)
    assert len(set(figures.PALETTE)) == len(figures.PALETTE)
    mpl.rcdefaults()
