"""3D CVT-GAN: the published size, the attention's definition, any patch of multiples of 16."""

import pytest
import torch

from petrecon.errors import InputError, ParameterError
from petrecon.models import CVTGANSpec, build, build_discriminator
from petrecon.models.cvt_stage import ConvAttention

TINY = CVTGANSpec(patch=(32, 16, 16), channels=4, discriminator_channels=2)


def size(network):
    return sum(p.numel() for p in network.parameters())


def test_published_numbers_of_parameters():
    with torch.device("meta"):
        generator, discriminator = build(CVTGANSpec.paper()), build_discriminator(CVTGANSpec.paper())
    assert (size(generator), size(discriminator)) == (28_715_681, 295_001)


@torch.no_grad()
def test_attention_is_softmax_of_projected_convolutions():
    """softmax(q kᵀ / √C) v per head, q at every voxel, k and v at every second, C the full width."""
    torch.manual_seed(0)
    layer = ConvAttention(8, heads=2).eval().double()
    tokens = torch.randn(2, 4, 4, 2, 8, dtype=torch.float64)
    x = tokens.permute(0, 4, 1, 2, 3)
    q, k, v = (
        getattr(layer, f"proj_{n}")(getattr(layer, f"bn_{n}")(getattr(layer, f"conv_{n}")(x)).flatten(2).mT)
        for n in "qkv"
    )
    assert (q.shape[1], k.shape[1]) == (32, 4)
    heads = []
    for part in (slice(0, 4), slice(4, 8)):
        weights = (q[..., part] @ k[..., part].mT / 8**0.5).softmax(-1)
        heads.append(weights @ v[..., part])
    expected = layer.proj(torch.cat(heads, -1)).view_as(tokens)
    torch.testing.assert_close(layer(tokens), expected, rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_generator_adds_to_its_input():
    """With the last layers silenced, what is left is the global residual: the input itself."""
    network = build(TINY).eval()
    x = torch.rand(1, 1, 32, 16, 48)
    assert network(x).shape == x.shape
    assert not torch.equal(network(x), x)
    for p in network.decoder4.parameters():
        p.zero_()
    assert torch.equal(network(x), x)


def test_every_parameter_but_the_unused_ones_gets_a_gradient():
    pair = torch.rand(2, 2, 32, 32, 16)
    generator, discriminator = build(TINY), build_discriminator(TINY)
    (generator(pair[:, :1]).square().sum() + discriminator(pair).square().sum()).backward()
    idle = [n for m in (generator, discriminator) for n, p in m.named_parameters() if p.grad is None]
    assert idle == [n for m in (generator, discriminator) for n, _ in m.named_parameters() if "unused" in n]
    assert len(idle) == 8


@torch.no_grad()
def test_discriminator_gives_logits_per_patch_of_16_voxels():
    """Not probabilities: the loss takes the sigmoid, once."""
    out = build_discriminator(TINY).eval()(torch.rand(1, 2, 64, 32, 32))
    assert out.shape == (1, 16, 4, 2, 2)
    assert out.min() < 0
    assert out.max() > 1


def test_seed_decides_the_weights():
    first, again, other = (build(TINY, seed=s).state_dict() for s in (1, 1, 2))
    name = "encoder0.0.weight"
    assert torch.equal(first[name], again[name])
    assert not torch.equal(first[name], other[name])


@pytest.mark.parametrize("shape", [(1, 1, 32, 32, 24), (1, 2, 32, 32, 32), (32, 32, 32)])
def test_shapes_that_cannot_be_halved_four_times_are_refused(shape):
    with pytest.raises(InputError, match="multiples of 16"):
        build(TINY)(torch.zeros(shape))


@pytest.mark.parametrize(
    "change", [{"patch": (32, 32)}, {"channels": 5}, {"depths": (1, 1)}, {"heads": (3, 4, 4, 4, 4)}]
)
def test_impossible_widths_are_refused(change):
    with pytest.raises(ParameterError, match="multiple of|even|five|heads"):
        CVTGANSpec(**change)
