"""The Gaussian toy: Tweedie is the posterior mean, and the variance of what the sampler returns can be written down."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from petrecon.ddip import DDIPSettings, GaussianPrior, ddip, noise_levels, sampled_variance, smooth_covariance

from .conftest import build_model

UNCONDITIONAL = DDIPSettings(adapt="none", data="none", warm_start=0, start=1000, ceiling=10.0)


@pytest.fixture(scope="module")
def prior(schedule):
    shape = (6, 5)
    mean = 0.5 + 0.1 * torch.rand(shape, generator=torch.Generator().manual_seed(0))
    return GaussianPrior(mean, smooth_covariance(shape, 0.1, 1.5), schedule)


@pytest.mark.parametrize("t", [0, 80, 700])
def test_tweedie_is_the_posterior_mean(prior, schedule, t):
    """Against the conditional mean of the joint Gaussian of (x_0, x_t), solved densely in float64."""
    covariance = smooth_covariance((6, 5), 0.1, 1.5).numpy()
    mu, alpha = prior.mean.double().flatten().numpy(), float(schedule.alpha_bar[t])
    x_t = torch.randn(3, 1, 6, 5, generator=torch.Generator().manual_seed(t))
    ours = schedule.clean(x_t, prior(x_t, torch.full((3,), t), x_t), t)
    joint = alpha * covariance + (1 - alpha) * np.eye(30)
    offset = x_t.double().reshape(3, 30).numpy() - np.sqrt(alpha) * mu
    expected = mu + np.sqrt(alpha) * np.linalg.solve(joint, offset.T).T @ covariance
    assert np.allclose(
        ours.reshape(3, 30).numpy(), expected, atol=1e-3
    )  # single precision: the smallest eigenvalue is a ten-thousandth


def test_its_samples_have_its_mean_and_covariance(prior):
    drawn = prior.sample(20_000, 0).flatten(1).double()
    covariance = smooth_covariance((6, 5), 0.1, 1.5)
    assert (drawn.mean(0) - prior.mean.flatten()).abs().max() < 0.004
    assert (torch.cov(drawn.T) - covariance).norm() < 0.05 * covariance.norm()


@pytest.mark.parametrize("eta", [0.0, 0.85])
def test_the_samplers_variance_is_the_one_of_its_recursion(model, counts, schedule, eta):
    """In the eigen-directions of the prior, from pure noise; η = 0.85 spreads too little, η = 0 hardly."""
    shape = model.image_shape
    prior = GaussianPrior(torch.full(shape, 0.5), smooth_covariance(shape, 0.1, 4.0), schedule)
    y = counts[:1].expand(250, -1, -1)
    settings = replace(UNCONDITIONAL, steps=40, eta=eta)
    images = ddip(y, model, None, prior, schedule, replace(settings, use_mr=False), scale=1.0).image
    along = ((images - prior.mean).flatten(1) @ prior.vectors).double()
    expected = sampled_variance(prior.values, noise_levels(1000, 40), schedule, eta, torch.ones(prior.values.shape))
    top = prior.values.argsort(descending=True)[:20]
    assert along[:, top].var(0).sum().item() == pytest.approx(expected[top].sum().item(), rel=0.08)
    share = (expected[top].sum() / prior.values[top].sum()).item()
    assert share == pytest.approx({0.0: 0.87, 0.85: 0.65}[eta], abs=0.03)


def test_the_posterior_of_gaussian_data_is_calibrated(schedule):
    """Truth drawn from the prior, counts from the truth: the squared standardised error of the posterior averages 1."""
    model = build_model(torch.float64, counts=5e6)
    torch.set_num_threads(1)
    shape = model.image_shape
    prior = GaussianPrior(torch.full(shape, 0.5), smooth_covariance(shape, 0.05, 4.0), schedule)
    errors, prior_errors = [], []
    for seed, truth in enumerate(prior.sample(12, 1)):
        y = torch.poisson(model(truth.double() * 8.0), generator=torch.Generator().manual_seed(seed))
        posterior = prior.posterior(y, model, 8.0, schedule)
        along = ((truth - posterior.mean).flatten() @ posterior.vectors).double()
        seen = posterior.values > 1e-6
        errors.append((along[seen] ** 2 / posterior.values[seen]).mean())
        prior_errors.append((truth - prior.mean).norm() / (truth - posterior.mean).norm())
    assert torch.stack(errors).mean().item() == pytest.approx(1.0, abs=0.15)
    assert min(prior_errors) > 1.5
