"""Which combinations are possible: derived, counted, refused by name."""

import pytest

from petrecon.errors import ParameterError
from petrecon.peft import Recipe, apply_recipe, mixes, petite_recipe, reason_against, single_methods
from petrecon.peft.recipes import check_feasible


def test_mixes_are_twelve_and_nine():
    """4 × 3 ordered pairs where both parts are transformers; without a prompted decoder 3 × 2 + 3."""
    cvt, unetr = mixes("cvt-gan"), mixes("unetr")
    assert (len(cvt), len(unetr)) == (12, 9)
    assert {n for n in cvt if n not in unetr} == {"lora->vpt", "adapters->vpt", "ssf->vpt"}
    for recipe in (*cvt.values(), *unetr.values()):
        assert recipe.encoder != recipe.decoder
        assert recipe.bitfit


def test_the_best_mix_is_one_of_the_mixes():
    assert petite_recipe("unetr") == mixes("unetr")["lora->ssf"]
    assert petite_recipe("cvt-gan") == mixes("cvt-gan")["vpt->lora"]
    assert single_methods("unetr")["petite"] == petite_recipe("unetr")


def test_infeasible_combination_is_named_with_its_reason(fresh):
    recipe = Recipe("lora", "vpt")
    with pytest.raises(ParameterError, match="VPT is not feasible in the decoder of unetr: .* no sequence of tokens"):
        check_feasible("unetr", recipe)
    network = fresh("unetr")
    before = [n for n, _ in network.named_modules()]
    with pytest.raises(ParameterError, match="not feasible"):
        apply_recipe(network, recipe)
    assert [n for n, _ in network.named_modules()] == before
    assert all(p.requires_grad for p in network.parameters())


def test_reasons_are_given_for_nothing_that_is_possible():
    assert reason_against("cvt-gan", "decoder", "vpt") is None
    assert "no layer norm" in reason_against("unetr", "decoder", "layernorm")
    assert "it has none" in reason_against("cvt-gan-discriminator", "decoder", "lora")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": "lorra"}, "Did you mean 'lora'"),
        ({"full": True, "bitfit": True}, "trains everything"),
        ({"encoder": "lora", "rank": 0}, "rank is 0"),
        ({"encoder": "vpt", "prompts": (0, 0, 0)}, "not all 0"),
        ({"batchnorm": "on"}, "choose one of frozen, adapt"),
    ],
)
def test_impossible_recipes_are_refused(settings, message):
    with pytest.raises(ParameterError, match=message):
        Recipe(**settings)


@pytest.mark.parametrize(
    "call", [lambda: mixes("resnet"), lambda: petite_recipe("cvt-gam"), lambda: reason_against("unetr", "neck", "lora")]
)
def test_unknown_names_are_refused(call):
    with pytest.raises(ParameterError, match=r"unknown|Choose|choose|Did you mean"):
        call()


def test_labels():
    assert Recipe("lora", "ssf", bitfit=True).label == "LoRA → SSF + BitFit"
    assert Recipe("ssf", "ssf").label == "SSF"
    assert [Recipe().label, Recipe(bitfit=True).label, Recipe(full=True).label] == ["No-FT", "BitFit", "Full-FT"]


@pytest.mark.parametrize(
    "bad", [{"rank": 1.5}, {"rank": True}, {"reduction": 2.0}, {"prompts": (1.5, 2)}, {"prompts": (True,)}]
)
def test_sizes_that_are_no_whole_numbers_are_refused(bad):
    with pytest.raises(ParameterError, match="whole number"):
        Recipe("lora", **bad)
