"""The stages of a network, and its picture, are measured on a network built from the widths."""

import matplotlib
import pytest

from petrecon.models import CVTGANSpec, UNETRSpec
from petrecon.models.drawing import draw_architecture
from petrecon.models.stages import build_on_meta, shown_grid, stages

matplotlib.use("Agg")


def words(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


@pytest.fixture(autouse=True)
def _close():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def test_stages_of_the_published_cvt_gan_have_the_published_sizes():
    """Table of the released code: channels, grid and parameters of every stage of a 64³ patch."""
    sizes = stages(CVTGANSpec.paper())
    expected = {
        "encoder0": (64, 32, 1_920), "encoder1": (128, 16, 430_592), "encoder2": (256, 8, 2_508_032),
        "encoder3": (512, 4, 9_931_264), "decoder1": (512, 4, 7_079_424), "decoder1_up": (256, 8, 2_671_872),
        "decoder2": (256, 8, 3_539_712), "decoder2_up": (128, 16, 471_552), "decoder3": (128, 16, 885_120),
        "decoder3_up": (64, 32, 65_600), "decoder4": (1, 64, 276_833),
    }  # fmt: skip
    assert {n: (sizes[n].channels, *set(sizes[n].grid), sizes[n].parameters) for n in expected} == expected
    assert [(sizes[n].blocks, sizes[n].heads) for n in ("encoder1", "encoder2", "decoder1")] == [(1, 2), (2, 4), (0, 0)]


@pytest.mark.parametrize("spec", [UNETRSpec.small(), CVTGANSpec.small()])
def test_the_parameters_of_the_stages_are_those_of_the_network(spec):
    assert sum(s.parameters for s in stages(spec).values()) == sum(p.numel() for p in build_on_meta(spec).parameters())


def test_the_transformer_of_unetr_is_87_per_cent_of_it():
    sizes = stages(UNETRSpec.paper())
    assert sizes["vit"].size == "768 × 4³"
    assert (sizes["vit"].blocks, sizes["vit"].heads) == (12, 12)
    assert sizes["vit"].parameters == 88_224_000
    assert sum(s.parameters for s in sizes.values()) == 101_670_049


def test_a_blank_network_holds_no_numbers():
    assert {p.device.type for p in build_on_meta(UNETRSpec.paper()).parameters()} == {"meta"}


def test_a_grid_is_printed_short_when_its_axes_agree():
    assert (shown_grid((8, 8, 8)), shown_grid((8, 8, 4))) == ("8³", "8·8·4")


@pytest.mark.parametrize(
    ("spec", "wider", "here", "there"),
    [
        (CVTGANSpec(channels=8), CVTGANSpec(channels=16), "16 × 16³", "32 × 16³"),
        (UNETRSpec(hidden=24, heads=2, feature=4), UNETRSpec(hidden=24, heads=2, feature=8), "32 × 8³", "64 × 8³"),
    ],
)
def test_another_width_draws_other_numbers(spec, wider, here, there):
    one, two = (" ".join(words(draw_architecture(s))) for s in (spec, wider))
    assert here in one
    assert there not in one
    assert there in two


def test_every_stage_of_a_network_is_in_its_picture_and_a_shortcut_is_counted_with_its_convolution():
    spec = CVTGANSpec.small()
    sizes, drawn = stages(spec), words(draw_architecture(spec))
    named = [name for name in sizes if not name.startswith("shortcut")]
    assert all(any(text.startswith(f"{name}\n") for text in drawn) for name in named)
    both = sizes["decoder3"].parameters + sizes["shortcut3"].parameters
    assert any(text.startswith("decoder3\n") and text.endswith(f"{both:,}") for text in drawn)


@pytest.mark.parametrize("spec", [UNETRSpec.small(), CVTGANSpec.small()])
def test_what_is_trained_is_written_on_its_stage_and_nothing_lies_on_anything(spec):
    from matplotlib.patches import Rectangle

    name = "vit" if spec.architecture == "unetr" else "encoder2"
    figure = draw_architecture(spec, {name: "LoRA: 7"})
    assert "LoRA: 7" in words(figure)
    assert "LoRA: 7" not in words(draw_architecture(spec))
    figure.canvas.draw()
    texts = [t.get_window_extent() for t in figure.axes[0].texts if t.get_text()]
    assert not any(a.overlaps(b) for i, a in enumerate(texts) for b in texts[i + 1 :])
    frame = figure.axes[0].get_window_extent()
    boxes = [p.get_window_extent() for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    assert all(frame.x0 <= b.x0 and b.x1 <= frame.x1 and frame.y0 <= b.y0 and b.y1 <= frame.y1 for b in boxes)


def test_a_stage_that_is_not_there_is_refused():
    with pytest.raises(KeyError, match="encoder9"):
        draw_architecture(CVTGANSpec.small(), {"encoder9": "LoRA"})
