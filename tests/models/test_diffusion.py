"""The noise schedule and Tweedie's estimate."""

import pytest
import torch

from petrecon.errors import ParameterError
from petrecon.models import NoiseSchedule


def test_schedule_is_the_linear_one_of_the_paper():
    """ᾱ_199 = 0.659 and hence √ᾱ = 0.812, σ = 0.584 at T' = 200 (linear variances 1e-4 … 0.02, T = 1000)."""
    bar = NoiseSchedule().alpha_bar
    by_hand = 1.0
    for i in range(200):
        by_hand *= 1 - (1e-4 + (0.02 - 1e-4) * i / 999)
    assert bar[199] == pytest.approx(by_hand, rel=1e-6)
    assert bar[199].sqrt() == pytest.approx(0.812, abs=1e-3)
    assert (1 - bar[199]).sqrt() == pytest.approx(0.584, abs=1e-3)
    assert bar[999] < 1e-4


def test_clean_inverts_noisy_when_the_noise_is_known():
    schedule, draw = NoiseSchedule(), torch.Generator().manual_seed(0)
    x, noise = torch.rand(4, 1, 6, 5, generator=draw), torch.randn(4, 1, 6, 5, generator=draw)
    t = torch.tensor([0, 50, 400, 800])
    assert torch.allclose(schedule.clean(schedule.noisy(x, t, noise), noise, t), x, atol=2e-4)


def test_an_integer_level_serves_the_whole_batch():
    schedule, x = NoiseSchedule(), torch.rand(3, 1, 4, 4)
    noise = torch.randn_like(x)
    assert torch.equal(schedule.noisy(x, 7, noise), schedule.noisy(x, torch.tensor([7, 7, 7]), noise))


def test_tweedie_with_the_ideal_noise_is_the_posterior_mean():
    """x_0 ~ N(m, v): E[x_0 | x_t] = m + √ᾱ v d / (ᾱ v + 1 − ᾱ), ε* = √(1 − ᾱ) d / (ᾱ v + 1 − ᾱ), d = x_t − √ᾱ m."""
    schedule, m, v, t = NoiseSchedule(), 0.3, 0.04, 300
    bar = schedule.alpha_bar[t].double()
    x_t = torch.linspace(-2, 2, 41, dtype=torch.float64).reshape(1, -1)
    spread = bar * v + 1 - bar
    ideal = (1 - bar).sqrt() * (x_t - bar.sqrt() * m) / spread
    posterior = m + bar.sqrt() * v * (x_t - bar.sqrt() * m) / spread
    assert torch.allclose(schedule.clean(x_t, ideal, t), posterior, atol=1e-6)


@pytest.mark.parametrize("words", [{"steps": 0}, {"first": 0.0}, {"first": 0.03}, {"last": 1.0}])
def test_an_impossible_schedule_is_refused(words):
    with pytest.raises(ParameterError, match="noise schedule"):
        NoiseSchedule(**words)
