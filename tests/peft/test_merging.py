"""Merged weights compute what the inserted modules do."""

import pytest
import torch

from petrecon.errors import ParameterError
from petrecon.peft import Recipe, apply_recipe, merge, remove, save_adapter, unmerge

FOLDING = [
    ("unetr", Recipe("lora", "ssf", bitfit=True)),
    ("unetr", Recipe("ssf", "lora", bitfit=True)),
    ("unetr", Recipe("lora", "lora", dora=True)),
    ("unetr", Recipe("ia3", "ia3")),
    ("unetr", Recipe("layernorm")),
    ("cvt-gan", Recipe("lora", "ssf", bitfit=True)),
    ("cvt-gan", Recipe("ssf", "lora")),
    ("cvt-gan", Recipe("ia3", "layernorm")),
]


def disturbed(network):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in network.parameters():
            if p.requires_grad:
                p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return network


@pytest.mark.parametrize(("architecture", "recipe"), FOLDING, ids=[f"{a}-{r.label}" for a, r in FOLDING])
@torch.no_grad()
def test_merged_is_unmerged(fresh, volume, architecture, recipe):
    network, x = fresh(architecture), volume[architecture]
    base, size = network(x), len(list(network.modules()))
    tuned = disturbed(apply_recipe(network, recipe))(x)
    assert (tuned - base).abs().max() > 0.01 * base.std()
    assert merge(network) == []
    torch.testing.assert_close(network(x), tuned, rtol=1e-3, atol=1e-4)
    assert len(list(network.modules())) == size
    unmerge(network)
    assert torch.equal(network(x), tuned)
    disturbed(network)  # what is learned between two merges counts too
    tuned = network(x)
    merge(network)
    assert len(list(network.modules())) == size
    torch.testing.assert_close(network(x), tuned, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_what_changes_the_function_stays_inserted(fresh, volume):
    network, x = disturbed(apply_recipe(fresh("unetr"), Recipe("vpt", "ssf"))), volume["unetr"]
    tuned = network(x)
    staying = merge(network)
    assert staying == [f"vit.blocks.{i}.attn" for i in range(12)]
    torch.testing.assert_close(network(x), tuned, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_removal_of_a_merged_recipe_gives_the_base(fresh, volume):
    network, x = fresh("cvt-gan"), volume["cvt-gan"]
    before = network(x)
    merge(disturbed(apply_recipe(network, Recipe("lora", "ssf", bitfit=True))))
    assert not torch.equal(network(x), before)
    assert torch.equal(remove(network)(x), before)


def test_nothing_to_merge_or_save_is_said(fresh, tmp_path):
    network = fresh("unetr")
    with pytest.raises(ParameterError, match="nothing to merge"):
        merge(network)
    merge(apply_recipe(network, Recipe("ssf")))
    with pytest.raises(ParameterError, match="unmerge"):
        save_adapter(network, tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())
