"""Prompts: silent at start, told apart, and moved to another patch size."""

import torch

from petrecon.peft import Recipe, apply_recipe
from petrecon.peft.prompts import cosine_columns, position_codes


def test_columns_are_orthonormal():
    columns = cosine_columns(24, 24)
    torch.testing.assert_close(columns.T @ columns, torch.eye(24), atol=1e-6, rtol=0)


def test_codes_differ():
    codes = position_codes(50, 24)
    distance = torch.cdist(codes, codes) + torch.eye(50)
    assert distance.min() > 0.3


def test_token_prompts_do_not_stay_alike(fresh, volume):
    """Their codes break the symmetry: after two steps no two prompts are the same."""
    network = apply_recipe(fresh("unetr"), Recipe("vpt", prompts=(5,)))
    (prompts,) = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.SGD([prompts], lr=1.0)
    for _ in range(2):
        optimiser.zero_grad()
        network(volume["unetr"]).square().sum().backward()
        optimiser.step()
    assert (torch.cdist(prompts, prompts) + torch.eye(5)).min() > 1e-6


@torch.no_grad()
def test_channel_prompts_follow_another_patch_size(fresh):
    """A constant prompt is the same constant at every size; the generator takes any multiple of 16."""
    network = apply_recipe(fresh("cvt-gan"), Recipe("vpt"))
    x = torch.rand(1, 1, 32, 32, 16)
    before = network(x)
    for p in network.parameters():
        if p.requires_grad:
            p.fill_(0.3)
    layer = network.encoder3.blocks[0].norm1
    tokens = torch.randn(1, 2, 2, 1, layer.columns.shape[0])
    expected = layer.base(tokens) + 0.3 * layer.columns.sum(1)
    torch.testing.assert_close(layer(tokens), expected)
    assert not torch.equal(network(x), before)
