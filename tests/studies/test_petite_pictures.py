"""The scheme, the rows of scans and the map of transfer say what they were given."""

import matplotlib
import numpy as np
import pytest
import torch

from petrecon.models import CVTGANSpec, UNETRSpec
from petrecon.peft import Recipe, petite_recipe
from petrecon.studies.petite_pictures import draw_rates, draw_scanners, draw_transfer
from petrecon.studies.petite_scheme import draw_scheme, layers

matplotlib.use("Agg")
ORANGE = matplotlib.colors.to_rgba("#d55e00")
HEAD = torch.zeros(32, 32)
HEAD[8:24, 6:26] = 1.0


@pytest.fixture(autouse=True)
def _close():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def scheme(spec, recipe):
    figure = draw_scheme(spec, recipe, ("A", HEAD, HEAD), ("B", HEAD, HEAD))
    ax = figure.axes[0]
    orange = [p for p in ax.patches if p.get_facecolor() == ORANGE]
    return figure, [t.get_text() for t in ax.texts], orange


def test_the_layers_of_the_scheme_are_those_of_the_network():
    encoder, decoder = layers(UNETRSpec.small())
    assert (len(encoder), decoder) == (12, ["decoder5", "decoder4", "decoder3", "decoder2"])
    encoder, decoder = layers(CVTGANSpec.small())
    assert encoder == ["encoder0", "encoder1", "encoder2", "encoder3"]
    assert len(decoder) == 7


def test_the_scheme_tells_how_many_learn_in_each_step():
    _, words, _ = scheme(UNETRSpec.paper(), petite_recipe("unetr"))
    assert "1. Pre-train on A: all 101,670,049 numbers learn" in words
    assert "2. Adapt to B with LoRA → SSF + BitFit: 222,849 numbers learn (0.22 %)" in words


def test_orange_marks_what_learns_and_nothing_else():
    """Step 1: 16 bars of UNETR. Step 2: an edge on 12 blocks and one stage, a foot on the 12 blocks with biases."""
    spec = UNETRSpec.small()
    assert len(scheme(spec, Recipe())[2]) == 16
    assert len(scheme(spec, Recipe("lora"))[2]) == 16 + 12
    assert len(scheme(spec, petite_recipe("unetr"))[2]) == 16 + 12 + 1 + 12


def test_words_of_the_scheme_do_not_lie_on_each_other():
    figure, _, _ = scheme(CVTGANSpec.paper(), petite_recipe("cvt-gan"))
    figure.canvas.draw()
    boxes = [t.get_window_extent() for t in figure.axes[0].texts if t.get_text()]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


def test_a_picture_of_the_scheme_is_cropped_to_the_head():
    figure, _, _ = scheme(UNETRSpec.small(), Recipe())
    (picture,) = figure.axes[0].child_axes[0].images
    assert picture.get_array().shape == (23, 23)
    assert picture.get_array().sum() == HEAD.sum()


def test_a_map_has_its_numbers_in_its_squares_and_one_colour_scale():
    values = np.array([[0.0, -3.14], [2.5, -0.04]])
    figure = draw_transfer({"one": values, "two": values / 2}, ["a", "b"], "gain (dB)")
    first, second = figure.axes[:2]
    assert [t.get_text() for t in first.texts] == ["+0.0", "-3.1", "+2.5", "+0.0"]
    assert first.images[0].get_clim() == second.images[0].get_clim() == (-3.14, 2.5)
    assert [t.get_text() for t in first.get_xticklabels()] == ["a", "b"]


def test_scans_are_drawn_to_the_same_millimetres():
    figure = draw_scanners(
        {name: {"5 min": HEAD, "30 min": HEAD} for name in ("coarse", "fine")}, {"coarse": 4.0, "fine": 2.0}
    )
    axes = figure.axes[:4]
    assert {ax.get_xlim() for ax in axes} == {(-48, 48)}  # what the larger head needs, and two of its voxels
    assert [ax.images[0].get_extent()[1] for ax in axes] == [64, 32, 64, 32]
    assert [ax.get_title() for ax in axes] == ["coarse\n5 min", "fine\n5 min", "30 min", "30 min"]
    assert {ax.images[0].get_clim() for ax in axes} == {(0, 1)}


def test_the_map_of_rates_frames_the_best_of_each_row_and_says_what_diverged():
    gains = {"LoRA": {0.3: 0.1, 1.0: 0.5}, "SSF": {1.0: 0.2, 3.0: float("-inf")}, "VPT": {0.3: -4.0, 1.0: -0.5}}
    figure = draw_rates(gains, [0.3, 1.0, 3.0])
    ax = figure.axes[0]
    assert [t.get_text() for t in ax.texts] == ["+0.10", "+0.50", "+0.20", "diverged", "-4.00", "-0.50"]
    frames = [(round(p.get_x() + 0.47), round(p.get_y() + 0.45)) for p in ax.patches]
    assert frames == [(1, 0), (1, 1), (1, 2)]
    assert ax.images[0].get_clim() == (-1, 0.5)
