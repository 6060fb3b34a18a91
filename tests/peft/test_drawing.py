"""Pictures of recipes say what `apply` did to the network, and nothing else."""

import re

import matplotlib
import pytest

from petrecon.models import CVTGANSpec, UNETRSpec
from petrecon.models.stages import build_on_meta
from petrecon.peft import Recipe, apply_recipe, count, petite_recipe, single_methods
from petrecon.peft.block_drawing import draw_block, shapes
from petrecon.peft.drawing import draw_blocks, draw_network, insertions

matplotlib.use("Agg")
SPECS = {"unetr": UNETRSpec.small(), "cvt-gan": CVTGANSpec.small()}


@pytest.fixture(autouse=True)
def _close():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def drawn(spec, recipe):
    from matplotlib.figure import Figure

    ax = draw_block(spec, recipe, Figure(figsize=(2.8, 5.2)).subplots())
    return [t.get_text() for t in ax.texts if t.get_color() == "white"], [t.get_text() for t in ax.texts]


@pytest.mark.parametrize("architecture", SPECS)
@pytest.mark.parametrize("method", ["lora", "adapters", "ssf", "vpt", "layernorm", "bitfit", "petite"])
def test_insertions_add_up_to_the_trained_parameters(architecture, method):
    spec, recipe = SPECS[architecture], single_methods(architecture)[method]
    found = insertions(spec, recipe)
    assert sum(found.values()) == count(apply_recipe(build_on_meta(spec), recipe)).trainable > 0
    assert ("biases" in found) == recipe.bitfit


def test_insertions_of_the_published_recipes_lie_where_the_paper_puts_them():
    """Prompts 8·8³ and 32·4³ in the encoder of CVT-GAN, LoRA in its decoder; SSF 2·64 in UNETR's decoder2."""
    cvt = insertions(CVTGANSpec.paper(), petite_recipe("cvt-gan"))
    assert {k: cvt[k] for k in ("encoder2", "encoder3")} == {"encoder2": 8 * 8**3, "encoder3": 32 * 4**3}
    assert set(cvt) == {"encoder2", "encoder3", "decoder1_up", "decoder2_up", "biases"}
    assert insertions(UNETRSpec.paper(), petite_recipe("unetr")) == {"vit": 147_456, "decoder2": 128, "biases": 75_265}


@pytest.mark.parametrize(
    ("method", "orange"),
    [
        ("lora", ["96→4→96"] * 2),
        ("adapters", ["96 → 3 → 96"]),
        ("ssf", ["s, t 96"] * 6 + ["s, t 384", "s, t 96"]),
        ("vpt", ["+ softmax(q kₚᵀ) vₚ, P 50×96"]),
        ("bitfit", ["bias 96"] * 3 + ["bias 384", "bias 96"]),
        ("layernorm", ["norm1: weight 96, bias 96", "norm2: weight 96, bias 96"]),
    ],
)
def test_a_block_shows_what_a_method_trains_in_it(method, orange):
    """UNETR, hidden width 96, perceptron 384: q and k for LoRA, every layer for SSF, no bias in q, k and v."""
    found, _ = drawn(UNETRSpec.small(), single_methods("unetr")[method])
    assert sorted(found) == sorted(orange)


def test_a_block_of_cvt_gan_shows_depthwise_lora_and_channel_prompts_on_its_norms():
    spec = CVTGANSpec.small()
    assert drawn(spec, single_methods("cvt-gan")["lora"])[0] == ["27→8→16"] * 2
    assert drawn(spec, single_methods("cvt-gan")["vpt"])[0] == ["prompts P 8×4×4×2"] * 2
    assert drawn(spec, Recipe(bitfit=True))[0].count("bias 16") == 7  # 2 norms, 3 batch norms, proj, fc2


def test_a_block_without_a_recipe_has_nothing_orange():
    assert drawn(UNETRSpec.small(), Recipe())[0] == []


def test_another_rank_or_width_draws_other_numbers():
    spec = UNETRSpec.small()
    assert drawn(spec, Recipe("lora", rank=2))[0] == ["96→2→96"] * 2
    wide, all_words = drawn(UNETRSpec.paper(), Recipe("lora"))
    assert wide == ["768→4→768"] * 2
    assert "147,456 numbers, 0.145 %" in all_words


def test_words_of_a_block_do_not_lie_on_each_other():
    figure = draw_blocks(
        UNETRSpec.paper(), {m: single_methods("unetr")[m] for m in ("lora", "ssf", "vpt", "layernorm")}
    )
    figure.canvas.draw()
    for ax in figure.axes:
        boxes = [t.get_window_extent() for t in ax.texts]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    assert [ax.get_title() for ax in figure.axes] == ["lora", "ssf", "vpt", "layernorm", "", ""]


def test_a_network_is_labelled_with_method_and_numbers_of_each_stage():
    texts = [t.get_text() for t in draw_network(UNETRSpec.paper(), petite_recipe("unetr")).axes[0].texts]
    assert [t for t in texts if re.fullmatch(r"\w+: [\d,]+", t)] == ["SSF: 128", "LoRA: 147,456"]


def test_shapes_of_dora_name_the_low_rank():
    network = apply_recipe(build_on_meta(UNETRSpec.small()), Recipe("lora", dora=True))
    assert shapes(network.get_submodule("vit.blocks.0.attn.to_q")) == "96→4→96"
