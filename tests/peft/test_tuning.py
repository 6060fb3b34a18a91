"""What a recipe may change: nothing at start, its own parameters in training, nothing after removal."""

import copy

import pytest
import torch
from torch import nn

from petrecon.errors import ParameterError
from petrecon.models import CVTGANSpec, build, build_discriminator
from petrecon.peft import Recipe, apply_recipe, mixes, remove, single_methods

EXTRA = {"ia3": Recipe("ia3", "ia3", bitfit=True), "same": Recipe("lora", "lora", bitfit=True)}
RECIPES = [
    (architecture, name, recipe)
    for architecture in ("unetr", "cvt-gan")
    for name, recipe in {**single_methods(architecture), **mixes(architecture), **EXTRA}.items()
] + [("unetr", "dora", Recipe("lora", "lora", dora=True)), ("unetr", "ln+bias", Recipe("layernorm", bitfit=True))]
IDS = [f"{a}-{n}" for a, n, _ in RECIPES]
# parts of the names that each method gives to what it inserts
MARKS = {
    "lora": ("lora_",),
    "adapters": (".down.", ".up."),
    "ssf": (".scale", ".shift"),
    "vpt": (".prompts",),
    "layernorm": ("ln_tuning_layers",),
    "ia3": ("ia3_l",),
}
FAMILIES = {"encoder": ("vit.", "encoder1.", "encoder2.", "encoder3."), "decoder": ("decoder",)}


def intended(name, recipe):
    """Tell from the recipe alone whether a parameter of this name should be trained."""
    if recipe.full:
        return True
    for part, method in (("encoder", recipe.encoder), ("decoder", recipe.decoder)):
        if method and name.startswith(FAMILIES[part]) and any(mark in name for mark in MARKS[method]):
            return True
    inserted = any(mark in name for marks in MARKS.values() for mark in marks)
    shadowed = recipe.encoder == "layernorm" and ".base_layer." in name
    return recipe.bitfit and name.endswith("bias") and not inserted and not shadowed


def trained(network, x, steps=2):
    network.train()
    free = [p for p in network.parameters() if p.requires_grad]
    # almost no epsilon: a small gradient is not taken for none
    optimiser = torch.optim.Adam(free, lr=1e-3, eps=1e-30)
    target = torch.rand(x.shape, generator=torch.Generator().manual_seed(1))
    for _ in range(steps):
        optimiser.zero_grad()
        (network(x) - target).square().mean().backward()
        optimiser.step()
    return network


@pytest.mark.parametrize(("architecture", "name", "recipe"), RECIPES, ids=IDS)
@torch.no_grad()
def test_identity_at_start(fresh, volume, architecture, name, recipe):
    """f(x; base + recipe at start) = f(x; base), bit for bit."""
    network, x = fresh(architecture), volume[architecture]
    before = network(x)
    assert torch.equal(apply_recipe(network, recipe)(x), before)


@pytest.mark.parametrize(("architecture", "name", "recipe"), RECIPES, ids=IDS)
def test_exactly_the_intended_parameters_change_and_removal_restores_the_base(
    fresh, volume, architecture, name, recipe
):
    network, x = fresh(architecture), volume[architecture]
    base = copy.deepcopy(network.state_dict())
    if name == "no-ft":
        assert not any(p.requires_grad for p in apply_recipe(network, recipe).parameters())
        return
    apply_recipe(network, recipe)
    start = {n: p.detach().clone() for n, p in network.named_parameters()}
    wanted = {n for n in start if intended(n, recipe)}
    assert {n for n, p in network.named_parameters() if p.requires_grad} == wanted

    trained(network, x)
    changed = {n for n, p in network.named_parameters() if not torch.equal(p, start[n])}
    # what is never called cannot change, nor what softmax does not see: one shift common to all keys
    idle = {n for n in wanted if "unused" in n or n.endswith("to_k.shift")}
    assert changed - idle == wanted - idle

    moved = {n for n, b in network.named_buffers() if "running" in n and not torch.equal(b, base[n])}
    assert bool(moved) == (architecture == "cvt-gan" and recipe.batchnorm == "adapt")

    remove(network)
    after = network.state_dict()
    assert list(after) == list(base)
    assert all(torch.equal(after[n], base[n]) for n in base)
    assert all(p.requires_grad for p in network.parameters())
    assert not hasattr(network, "tuning")


def test_frozen_statistics_are_used_in_training_mode(fresh, volume):
    """Without dropout a network with frozen statistics computes the same in training and evaluation."""
    network, x = apply_recipe(fresh("cvt-gan"), Recipe(bitfit=True)), volume["cvt-gan"]
    for module in network.modules():
        if isinstance(module, nn.Dropout3d):
            module.p = 0.0
    with torch.no_grad():
        assert torch.equal(network.train()(x), network.eval()(x))
        remove(network)
        assert not torch.allclose(network.train()(x), network.eval()(x), rtol=1e-3, atol=1e-3)


def test_a_copy_of_a_tuned_network_stands_alone(fresh, volume):
    network, x = apply_recipe(fresh("unetr"), mixes("unetr")["vpt->ssf"]), volume["unetr"]
    twin = copy.deepcopy(network)
    before = network(x).detach()
    trained(twin, x, steps=1)
    assert torch.equal(network(x), before)
    remove(twin)
    assert torch.equal(twin.eval()(x), remove(network)(x))


def test_seed_draws_the_random_half(fresh):
    first, again, other = (
        dict(apply_recipe(fresh("cvt-gan"), Recipe("lora", "adapters"), seed=s).named_parameters()) for s in (1, 1, 2)
    )
    for name in ("encoder1.blocks.0.attn.conv_q.lora_A", "decoder1_up.blocks.0.mlp.down.weight"):
        assert torch.equal(first[name], again[name])
        assert not torch.equal(first[name], other[name])


@pytest.mark.parametrize(
    ("architecture", "recipe", "message"),
    [
        (
            "unetr",
            Recipe("lora", rank=25),
            r"rank 25 is above 24, the largest that layer vit\.blocks\.0\.attn\.to_q allows",
        ),
        ("cvt-gan", Recipe(decoder="lora", rank=17), "above 16, the largest that layer decoder2_up"),
        ("cvt-gan", Recipe("lora", dora=True), "DoRA is not defined for the depthwise convolution"),
        ("cvt-gan", Recipe("vpt", prompts=(1, 2)), "takes 3, one per stage"),
        ("cvt-gan", Recipe("vpt", prompts=(17, 0, 0)), "17 prompts are more than the 16 channels"),
    ],
)
def test_what_a_layer_cannot_have_is_refused_before_anything_changes(fresh, architecture, recipe, message):
    network = fresh(architecture)
    names = [n for n, _ in network.named_modules()]
    with pytest.raises(ParameterError, match=message):
        apply_recipe(network, recipe)
    assert [n for n, _ in network.named_modules()] == names


def test_a_second_recipe_is_refused(fresh):
    network = apply_recipe(fresh("unetr"), Recipe("ssf"))
    with pytest.raises(ParameterError, match="remove\\(network\\) first"):
        apply_recipe(network, Recipe("lora"))
    with pytest.raises(ParameterError, match="no parts are known of a Linear"):
        apply_recipe(nn.Linear(2, 2), Recipe())


def test_the_discriminator_can_be_tuned_and_frozen():
    spec = CVTGANSpec(patch=(32, 32, 16), channels=4, discriminator_channels=4)
    network = build_discriminator(spec).eval()
    pair = torch.rand(1, 2, 32, 32, 16)
    before = network(pair)
    assert torch.equal(apply_recipe(network, Recipe("adapters", bitfit=True))(pair), before)
    assert not any(p.requires_grad for p in apply_recipe(remove(network), Recipe()).parameters())
    assert remove(build(spec)) is not None
