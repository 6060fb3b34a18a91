"""UNETR: the published size, MONAI's function, another patch size."""

import pytest
import torch
from monai.networks.nets.unetr import UNETR

from petrecon.errors import InputError, ParameterError
from petrecon.models import UNETRSpec, build, with_patch
from petrecon.models.unetr import POSITIONS, interpolate_positions

TINY = UNETRSpec(patch=(32, 32, 16), hidden=24, mlp=48, heads=4, feature=4)


def test_published_number_of_parameters():
    with torch.device("meta"):
        network = build(UNETRSpec.paper())
    assert sum(p.numel() for p in network.parameters()) == 101_670_049


@torch.no_grad()
def test_separate_q_k_v_compute_what_the_fused_layer_does():
    """W_qkv x = (W_q x, W_k x, W_v x): MONAI's own network with the same weights gives the same output."""
    ours = build(TINY, seed=3).eval()
    theirs = UNETR(1, 1, TINY.patch, TINY.feature, TINY.hidden, TINY.mlp, TINY.heads, norm_name="instance").eval()
    state = theirs.state_dict()
    own = ours.state_dict()
    for name in state:
        if "norm_cross_attn" in name:
            continue
        if name.endswith("qkv.weight"):
            own[name] = torch.cat([own.pop(name.replace("qkv", f"to_{k}")) for k in "qkv"])
        state[name] = own[name]
    theirs.load_state_dict(state)
    x = torch.rand(2, 1, *TINY.patch, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(x), theirs(x))


def test_every_parameter_is_in_use():
    network = build(TINY)
    network(torch.rand(1, 1, *TINY.patch)).square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_seed_decides_the_weights_and_leaves_the_global_state_alone():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first, again, other = (build(TINY, seed=s).state_dict() for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not torch.equal(first[POSITIONS], other[POSITIONS])


def test_interpolated_positions_keep_a_ramp():
    """Trilinear interpolation is exact for a function that is linear in the token's place (away from the border)."""
    place = (torch.arange(4) + 0.5) / 4
    ramp = place[:, None, None].expand(4, 2, 2).reshape(1, 16, 1)
    moved = interpolate_positions(ramp, (64, 32, 32), (128, 32, 16)).reshape(8, 2, 1)
    torch.testing.assert_close(moved[1:-1, 0, 0], (torch.arange(1, 7) + 0.5) / 8)
    assert torch.equal(moved[:, 0], moved[:, 1])


@torch.no_grad()
def test_another_patch_keeps_every_other_weight():
    network = build(TINY)
    same, wider = with_patch(network, TINY.patch), with_patch(network, (64, 32, 32))
    x = torch.rand(1, 1, *TINY.patch)
    assert torch.equal(same(x), network(x))
    assert wider(torch.rand(1, 1, 64, 32, 32)).shape == (1, 1, 64, 32, 32)
    old, new = network.state_dict(), wider.state_dict()
    assert all(torch.equal(old[k], new[k]) for k in old if k != POSITIONS)
    assert new[POSITIONS].shape[1] == 16


def test_a_network_with_inserted_modules_keeps_its_patch():
    network = build(TINY)
    network.vit.norm = torch.nn.Sequential(network.vit.norm)
    with pytest.raises(InputError, match="remove its recipe"):
        with_patch(network, (32, 32, 32))


@pytest.mark.parametrize("shape", [(1, 1, 32, 32, 32), (1, 2, 32, 32, 16), (32, 32, 16)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(InputError, match="give \\(batch, 1, 32, 32, 16\\)"):
        build(TINY)(torch.zeros(shape))


@pytest.mark.parametrize("change", [{"patch": (32, 32, 20)}, {"patch": (0, 16, 16)}, {"heads": 5}, {"hidden": 0}])
def test_impossible_widths_are_refused(change):
    with pytest.raises(ParameterError, match="multiple of"):
        UNETRSpec(**change)
