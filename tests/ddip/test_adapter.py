"""Weights per slice stack: the network stays as it is, and a batch is a loop."""

import pytest
import torch

from petrecon.ddip import DDIPSettings, SliceAdapter
from petrecon.peft import low_rank_factors, trainable_parameters
from tests.low_rank import injected

SETTINGS = DDIPSettings(learning_rate=1e-2)


@pytest.fixture(scope="module")
def images():
    draw = torch.Generator().manual_seed(1)
    return torch.randn(3, 1, 16, 16, generator=draw), torch.rand(3, 1, 16, 16, generator=draw)


def _fit(adapter, images, steps=3, factor=1.0):
    for k in range(steps):
        adapter.step(0.01 * factor**k * (adapter.predict(images[0], 40, images[1]) - 1).square().mean((1, 2, 3)))


@pytest.mark.parametrize("adapt", ["lora", "full", "biases", "none"])
def test_it_predicts_at_first_what_the_network_does(network, images, adapt):
    adapter = SliceAdapter(network, DDIPSettings(adapt=adapt), 3, 0)
    with torch.no_grad():
        expected = network(images[0], torch.full((3,), 40), images[1])
        assert torch.allclose(adapter.predict(images[0], 40, images[1]), expected, atol=1e-6)


@pytest.mark.parametrize("adapt", ["lora", "full", "biases"])
def test_a_batch_is_a_loop_and_the_network_is_left_alone(network, images, adapt):
    settings = DDIPSettings(adapt=adapt, learning_rate=1e-3)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    together = SliceAdapter(network, settings, 3, 0)
    start = together.theta.detach().clone()
    _fit(together, images, factor=100.0)  # so that the last steps are clipped, each stack at its own norm
    for k in range(3):
        alone = SliceAdapter(network, settings, 1, 0)
        _fit(alone, [v[k : k + 1] for v in images], factor=100.0)
        moved = (alone.theta - start[:1]).detach()
        assert ((together.theta[k] - alone.theta[0]).norm() / moved.norm()).item() < 0.02
    assert (together.theta[0] - together.theta[1]).norm() > 0.1 * (together.theta[0] - start[0]).norm()
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_it_does_what_adamw_and_clipping_do_on_the_injected_network(network, images):
    """The rows of one matrix against torch's own optimiser and clipping; each loss is 1000 times the one before."""
    x, mr = images[0][:1], images[1][:1]
    ours = SliceAdapter(network, SETTINGS, 1, 7)
    _fit(ours, (x, mr), steps=3, factor=1000.0)
    theirs, names = injected(network, SETTINGS.rank, seed=7)
    optimiser = torch.optim.AdamW(trainable_parameters(theirs), lr=1e-2, weight_decay=0.01)
    norms = []
    for k in range(3):
        optimiser.zero_grad()
        (0.01 * 1000.0**k * (theirs(x, torch.tensor([40]), mr) - 1).square().mean()).backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(trainable_parameters(theirs), 1.0)))
        optimiser.step()
    own = dict(theirs.named_parameters())
    expected = torch.cat([own[k].detach().reshape(-1) for k in names])
    assert norms[0] < 1 < norms[2]
    with torch.no_grad():
        level = torch.tensor([40])
        change = theirs(x, level, mr) - network(x, level, mr)
        assert (ours.predict(x, 40, mr) - theirs(x, level, mr)).norm() < 0.02 * change.norm()
    assert (ours.theta[0] - expected).norm() < 0.05 * (expected - _start(network)).norm()


def _start(network):
    return torch.cat([v.reshape(-1) for v in low_rank_factors(network, SETTINGS.rank, seed=7).values()])


def test_a_new_optimiser_forgets_the_moments_and_keeps_the_weights(network, images):
    kept, fresh = (SliceAdapter(network, SETTINGS, 3, 0) for _ in range(2))
    for adapter in (kept, fresh):
        _fit(adapter, images, 2)
    assert torch.equal(kept.theta, fresh.theta)
    fresh.new_optimiser()
    for adapter in (kept, fresh):
        _fit(adapter, images, 1)
    assert not torch.allclose(kept.theta, fresh.theta)
