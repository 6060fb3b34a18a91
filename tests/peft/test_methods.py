"""Each inserted module computes its published formula."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from petrecon.models import UNETRSpec, build
from petrecon.peft import Recipe, apply_recipe
from petrecon.peft.bottleneck import Adapter
from petrecon.peft.depthwise import DepthwiseLoRA
from petrecon.peft.ssf import ScaleShift
from petrecon.peft.stock import ia3, lora


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@torch.no_grad()
@pytest.mark.parametrize(
    ("layer", "x", "axis"),
    [
        (nn.Conv3d(4, 4, 3, padding=1), torch.rand(2, 4, 4, 4, 4), 1),
        (nn.InstanceNorm3d(4), torch.rand(2, 4, 4, 4, 4), 1),
        (nn.Linear(4, 4), torch.rand(2, 4, 4), -1),
        (nn.LayerNorm(4), torch.rand(2, 4, 4, 4, 4), -1),
    ],
    ids=["conv", "instance", "linear", "layer"],
)
def test_ssf_scales_channels_even_where_every_axis_is_as_long(layer, x, axis):
    """y_c = s_c f(x)_c + t_c with c the channel of the layer, though depth and channels are both 4."""
    s, t = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0.0, 0.1, 0.2, 0.3])
    module = ScaleShift(layer, nn.Parameter(s), nn.Parameter(t))
    y = layer(x).movedim(axis, -1) * s + t
    torch.testing.assert_close(module(x).movedim(axis, -1), y)
    torch.testing.assert_close(module.merged()(x), module(x))


@torch.no_grad()
def test_low_rank_update_of_a_depthwise_convolution():
    """W + 2 B A, each channel's kernel moved within r shapes."""
    layer = nn.Conv3d(6, 6, 3, stride=2, padding=1, groups=6, bias=False)
    module = DepthwiseLoRA(layer, rank=2)
    module.lora_B.normal_()
    x = torch.rand(1, 6, 8, 8, 4)
    kernels = layer.weight + 2 * (module.lora_B @ module.lora_A).view(6, 1, 3, 3, 3)
    torch.testing.assert_close(module(x), functional.conv3d(x, kernels, stride=2, padding=1, groups=6))
    assert torch.linalg.matrix_rank((module.weight() - layer.weight).flatten(1)) == 2


@torch.no_grad()
def test_low_rank_update_of_a_linear_layer():
    """W + 2 B A: α = 2r as in the paper."""
    layer = nn.Linear(5, 4)
    module = lora({"a.b": layer}, rank=3, dora=False)["a.b"]
    down, up = module.lora_A["default"].weight, module.lora_B["default"].weight.normal_()
    x = torch.rand(2, 7, 5)
    torch.testing.assert_close(module(x), layer(x) + 2 * x @ down.T @ up.T)


@torch.no_grad()
def test_adapter_adds_a_bottleneck_to_tokens_and_to_volumes():
    """y + U gelu(D y + d) + u over the channels."""
    for block, x, axis in (
        (nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 4)), torch.rand(2, 3, 4), -1),
        (nn.Sequential(nn.Conv3d(4, 8, 1), nn.Conv3d(8, 4, 1)), torch.rand(2, 4, 4, 3, 2), 1),
    ):
        module = Adapter(block, reduction=2)
        for p in (*module.down.parameters(), *module.up.parameters()):
            p.normal_()
        assert module.down.weight.shape == (2, 4)
        y = block(x).movedim(axis, -1)
        hidden = functional.gelu(y @ module.down.weight.T + module.down.bias)
        expected = y + hidden @ module.up.weight.T + module.up.bias
        torch.testing.assert_close(module(x).movedim(axis, -1), expected)


def test_adapter_is_never_narrower_than_one():
    assert Adapter(nn.Linear(4, 4), reduction=32).down.out_features == 1


@torch.no_grad()
def test_ia3_rescales_outputs_and_the_perceptron_within():
    """l_k and l_v scale keys and values, l_ff the hidden layer, which is the input of the second linear layer."""
    layers = ia3({"attn.to_k": nn.Linear(3, 5), "mlp.linear2": nn.Linear(3, 5)}, r"mlp\.linear2")
    assert layers["attn.to_k"].ia3_l["default"].numel() == 5
    assert layers["mlp.linear2"].ia3_l["default"].numel() == 3
    with torch.device("meta"):
        network = apply_recipe(build(UNETRSpec.paper()), Recipe("ia3"))
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == 12 * (768 + 768 + 3072)
