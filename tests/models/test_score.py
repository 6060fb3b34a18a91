"""The conditional score network."""

import pytest
import torch

from petrecon.errors import ParameterError
from petrecon.models import ScoreNetwork, ScoreSpec

TINY = ScoreSpec(channels=(8, 16), attention=(False, False))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    net = ScoreNetwork(TINY).eval()
    with torch.no_grad():
        for p in net.parameters():  # MONAI starts the last convolution at zero
            p.add_(0.02 * torch.randn_like(p))
    return net


@torch.no_grad()
def test_every_input_matters(network):
    """The output changes with x_t, with the level and with the MR, and a slice sees its own inputs only."""
    x, t, mr = torch.rand(2, 1, 16, 24), torch.tensor([10, 500]), torch.rand(2, 1, 16, 24)
    base = network(x, t, mr)
    assert base.shape == x.shape
    assert not torch.allclose(network(x, t, 0 * mr), base, atol=1e-5)
    assert not torch.allclose(network(x, t.flip(0), mr), base, atol=1e-5)
    moved = network(torch.cat([x[:1], x[1:] + 1]), t, mr)
    assert torch.allclose(moved[0], base[0], atol=1e-5)
    assert not torch.allclose(moved[1], base[1], atol=1e-3)


@torch.no_grad()
def test_three_slices_are_predicted_together():
    network = ScoreNetwork(ScoreSpec(slices=3, channels=(8, 16), attention=(False, False)))
    assert network(torch.rand(1, 3, 8, 8), torch.tensor([3]), torch.rand(1, 3, 8, 8)).shape == (1, 3, 8, 8)


def test_a_card_gives_the_specification():
    spec = ScoreSpec.from_dict({"channels": [8, 16, 24], "attention": [False, False, True]})
    assert spec == ScoreSpec(channels=(8, 16, 24), attention=(False, False, True))
    assert spec.divisor == 4


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"chanels": [8]}, "Did you mean 'channels'"),
        ({"slices": 2}, "1 or 3 slices"),
        ({"channels": [8, 12], "attention": [False, False]}, "multiples of groups"),
        ({"channels": [8, 16]}, "one attention flag each"),
    ],
)
def test_a_wrong_card_is_refused(card, message):
    with pytest.raises(ParameterError, match=message):
        ScoreSpec.from_dict(card)
