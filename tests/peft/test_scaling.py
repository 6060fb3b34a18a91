"""Every LoRA, of whatever layer, moves its weights by the same multiple of B·A."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from petrecon.peft import stock
from petrecon.peft.depthwise import DepthwiseLoRA


def change(layer, module, x):
    """Return what the update adds to the output when every entry of A and B is one."""
    with torch.no_grad():
        for name, p in module.named_parameters():
            if "lora_" in name:
                p.fill_(1.0)
        return (module(x) - layer(x)).double()


@pytest.mark.parametrize("rank", [1, 3])
def test_alpha_is_twice_the_rank_in_every_layer(rank):
    """Of a dense layer, of a convolution and of a depthwise one: input of ones, so the change is 2 · rank · inputs."""
    layers = {"linear": nn.Linear(5, 4), "conv": nn.Conv3d(4, 4, 3)}
    depthwise = nn.Conv3d(4, 4, 3, groups=4)
    inputs = {"linear": torch.ones(1, 5), "conv": torch.ones(1, 4, 3, 3, 3)}
    found = stock.lora(layers, rank, False)
    for name, count in (("linear", 5), ("conv", 4 * 27)):
        moved = change(layers[name], found[name], inputs[name])
        torch.testing.assert_close(moved, torch.full_like(moved, 2.0 * rank * count), rtol=1e-4, atol=0)
    moved = change(depthwise, DepthwiseLoRA(depthwise, rank), torch.ones(1, 4, 3, 3, 3))
    torch.testing.assert_close(moved, torch.full_like(moved, 2.0 * rank * 27), rtol=1e-4, atol=0)
