"""The paper's counts at the paper's widths, without a byte of weights (meta device)."""

import pytest
import torch

from petrecon.models import CVTGANSpec, UNETRSpec, build, build_discriminator
from petrecon.peft import Recipe, apply_recipe, count, mixes, paper_counts, single_methods

REPRODUCED = {
    ("unetr", "layernorm"): 38_400,
    ("unetr", "bitfit"): 75_265,
    ("unetr", "adapters"): 451_872,
    ("unetr", "ssf"): 205_824,
    ("unetr", "vpt"): 38_400,
    ("unetr", "lora"): 12 * 2 * 4 * (768 + 768),
    ("unetr", "petite"): 222_849,
    ("unetr", "vpt->ssf"): 38_400 + 128 + 75_265,
    ("unetr", "ssf->adapters"): 205_824 + 552 + 75_265,
    ("unetr", "adapters->ssf"): 894_528 + 128 + 75_265,
    ("cvt-gan", "layernorm"): 11_776,
    ("cvt-gan", "bitfit"): 31_777,
    ("cvt-gan", "adapters"): 169_808 + 37_584,
    ("cvt-gan", "ssf"): 33_536 + 11_520,
    ("cvt-gan", "vpt"): 6_144,
    ("cvt-gan", "adapters->vpt"): 169_808 + 49_152 + 31_777,
    # r (C + 27) for q and k of every block; the widths of the blocks sum to 2304
    ("cvt-gan", "lora"): 2 * 8 * (2304 + 8 * 27),
}


def built(architecture):
    with torch.device("meta"):
        return build(UNETRSpec.paper() if architecture == "unetr" else CVTGANSpec.paper())


@pytest.mark.parametrize(("architecture", "row"), REPRODUCED)
def test_published_counts(architecture, row):
    recipe = {**single_methods(architecture), **mixes(architecture)}[row]
    found = count(apply_recipe(built(architecture), recipe))
    assert found.trainable == REPRODUCED[architecture, row]
    assert found.total == {"unetr": 101_670_049, "cvt-gan": 28_715_681}[architecture]
    assert found.per_cent == pytest.approx(100 * found.trainable / found.total)


def test_published_counts_with_the_discriminator():
    """LayerNorm 12,544 and BitFit 33,554 are generator and discriminator together."""
    for recipe, both in ((Recipe("layernorm"), 12_544), (Recipe(bitfit=True), 33_554)):
        generator_recipe = Recipe("layernorm", "layernorm") if recipe.encoder else recipe
        with torch.device("meta"):
            discriminator = build_discriminator(CVTGANSpec.paper())
        judged = count(apply_recipe(discriminator, recipe)).trainable
        assert count(apply_recipe(built("cvt-gan"), generator_recipe)).trainable + judged == both


def test_full_and_no_fine_tuning_count_all_and_none():
    network = built("cvt-gan")
    assert count(network).trainable == count(network).total == 28_715_681
    assert count(apply_recipe(network, Recipe())).trainable == 0


def test_biases_that_cannot_learn_are_reported():
    """The never-called shortcuts have 512 + 256 + 128 biases, which the paper's BitFit count includes."""
    assert count(apply_recipe(built("cvt-gan"), Recipe(bitfit=True))).unused == 896
    assert count(apply_recipe(built("cvt-gan"), Recipe("lora", "lora"))).unused == 0


@pytest.mark.parametrize("architecture", ["unetr", "cvt-gan"])
def test_every_row_stands_beside_what_the_paper_prints(architecture):
    rows = paper_counts(architecture)
    assert [name for name, (_, printed) in rows.items() if printed is None] == ["no-ft"]
    assert len(rows) == 9 + len(mixes(architecture))


def test_every_mix_trains_less_than_one_per_cent():
    for architecture in ("unetr", "cvt-gan"):
        for recipe in mixes(architecture).values():
            assert 0 < count(apply_recipe(built(architecture), recipe)).per_cent < 1
