"""The step to the next noise level: how much noise is there afterwards, and how much of it is new."""

import pytest
import torch

from petrecon.ddip import ddim_step, noise_levels
from petrecon.ddip.sample import sample
from petrecon.errors import ParameterError


def test_the_injected_noise_has_the_stated_standard_deviation(schedule):
    """With x̂_0 and ε fixed, the spread over fresh noise is η √(1 - ᾱ)."""
    shape, draw = (4000, 1, 4, 4), torch.Generator().manual_seed(0)
    clean, eps = torch.rand(1, 1, 4, 4, generator=draw), torch.randn(1, 1, 4, 4, generator=draw)
    for t, eta in ((198, 0.85), (48, 0.85), (98, 0.3)):
        noise = torch.randn(shape, generator=draw)
        x = ddim_step(clean.expand(shape), eps.expand(shape), noise, t, schedule, eta)
        expected = eta * (1 - schedule.alpha_bar[t]).sqrt()
        assert x.std(0).mean().item() == pytest.approx(expected.item(), rel=0.01)


@pytest.mark.parametrize("eta", [0.0, 0.85, 1.0])
def test_the_noise_is_that_of_the_level(schedule, eta):
    """Unit predicted noise and unit fresh noise: the whole spread is √(1 - ᾱ) whatever η, the mean √ᾱ x̂_0."""
    draw = torch.Generator().manual_seed(1)
    eps, noise = torch.randn(2, 400, 1, 16, 16, generator=draw)
    x = ddim_step(torch.full_like(eps, 0.7), eps, noise, 120, schedule, eta)
    assert x.std().item() == pytest.approx((1 - schedule.alpha_bar[120]).sqrt().item(), rel=0.01)
    assert x.mean().item() == pytest.approx(0.7 * schedule.alpha_bar[120].sqrt().item(), abs=0.01)


def test_no_noise_at_the_end(schedule):
    clean = torch.rand(1, 1, 4, 4)
    assert torch.equal(ddim_step(clean, torch.ones_like(clean), torch.ones_like(clean), None, schedule, 0.85), clean)


def test_levels_go_evenly_from_below_the_start_to_zero():
    assert noise_levels(200, 200) == list(range(199, -1, -1))
    assert noise_levels(200, 5) == [199, 149, 100, 50, 0]
    assert noise_levels(1000, 1) == [999]
    for start, steps in ((1, 1), (37, 11), (1000, 999)):
        levels = noise_levels(start, steps)
        assert len(set(levels)) == steps
        assert levels[0] == start - 1
        assert levels == sorted(levels, reverse=True)


@pytest.mark.parametrize(
    ("start", "steps", "named"), [(0, 1, "start"), (1001, 5, "start"), (10, 11, "steps"), (10, 0, "steps")]
)
def test_levels_out_of_range_are_refused(start, steps, named):
    with pytest.raises(ParameterError, match=named):
        noise_levels(start, steps)


def test_every_step_of_the_sampler_draws_noise_of_its_own(schedule):
    """At η = 1 what is not the clean image is fresh noise: of unit variance, and unlike that of every other step."""
    seen, fresh = [], []

    def network(x_t, t, mr):
        if seen:
            signal, sigma = schedule.signal_and_noise(t, x_t)
            fresh.append(
                ((x_t - signal * schedule.clean(seen[-1][0], 0 * x_t, seen[-1][1]).clamp(0, 1)) / sigma).flatten()
            )
        seen.append((x_t, t))
        return torch.zeros_like(x_t)

    sample(network, schedule, torch.zeros(2, 1, 32, 32), steps=8, eta=1.0, seed=0)
    drawn = torch.stack([seen[0][0].flatten(), *fresh])
    assert len(fresh) == 7
    torch.testing.assert_close(drawn.std(1), torch.ones(8), rtol=0.1, atol=0)
    assert (torch.corrcoef(drawn) - torch.eye(8)).abs().max() < 0.15
