"""The closed-form step: a minimiser, exact in single precision, with the right limits."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from petrecon.ddip.prox import closed_form, penalised_em, relative_sensitivity
from petrecon.reconstruct import em_step, mlem, poisson_nll

from .conftest import build_model, phantom


@pytest.fixture(scope="module")
def double():
    model = build_model(torch.float64)
    torch.set_num_threads(1)
    y = torch.poisson(model(phantom()), generator=torch.Generator().manual_seed(2))
    return model, y


@pytest.mark.parametrize("b", [1e-5, 0.02, 1.0, 30.0])
def test_it_minimises_its_surrogate(b):
    """u - u_EM log u + b/2 (u - m)² against a numerical minimiser, m of either sign."""
    draw = np.random.default_rng(0)
    for em, m in zip(draw.uniform(0.01, 1.5, 12), draw.uniform(-0.5, 1.2, 12), strict=True):
        found = minimize_scalar(
            lambda u, em=em, m=m: u - em * np.log(u) + b / 2 * (u - m) ** 2,
            bounds=(1e-9, 4), method="bounded", options={"xatol": 1e-10},
        )  # fmt: skip
        ours = closed_form(torch.tensor(em, dtype=torch.float64), torch.tensor(m, dtype=torch.float64), b)
        assert ours.item() == pytest.approx(found.x, abs=2e-7)


@pytest.mark.parametrize("ratio", [1e5, 4.7e4, 1.0, 1e-3])
def test_it_is_exact_in_float32(ratio):
    """At s/β = 1e5 the textbook form loses the pull a hundred times over; this one keeps seven digits."""
    draw = torch.Generator().manual_seed(3)
    em, m = torch.rand(2000, generator=draw), torch.rand(2000, generator=draw)
    exact = closed_form(em.double(), m.double(), 1 / ratio)
    assert (closed_form(em, m, 1 / ratio) - exact).abs().max() < 4e-7
    if ratio >= 4e4:
        textbook = 0.5 * ((m - ratio) + torch.sqrt((m - ratio) ** 2 + 4 * em * ratio))
        assert (textbook - exact).abs().max() > 1e-3


def test_no_weight_gives_em_and_a_large_one_the_pull():
    em, m = torch.tensor([0.0, 0.3, 1.0]), torch.tensor([0.5, -0.2, 0.8])
    assert torch.equal(closed_form(em, m, 0.0), em)
    assert torch.allclose(closed_form(em, m, 1e9), m.clamp_min(0), atol=1e-4)


@pytest.mark.parametrize("beta_over_s", [2e-5, 0.1, 5.0])
def test_the_penalised_likelihood_never_rises_and_its_minimiser_is_kept(double, beta_over_s):
    """-L + β/2 ‖u - m‖² with β = beta_over_s · σ · s̄ falls; at the end its gradient vanishes where u > 0."""
    model, y = double
    sigma, seen = 8.0, model.sensitivity() > 0
    weight = beta_over_s * sigma * float(model.sensitivity()[seen].mean())
    m = torch.rand(y.shape[:0] + model.image_shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)

    def objective(u):
        return float(poisson_nll(y, model(u * sigma), 2) + weight / 2 * (u - m).square().sum())

    x = mlem(y, model, 3) / sigma
    values = [objective(x)]
    for _ in range(30):
        x = penalised_em(x, y, model, m, beta_over_s, scale=sigma)
        values.append(objective(x))
    assert max(np.diff(values)) <= 1e-9 * abs(values[0])
    assert values[-1] < values[0]
    if beta_over_s == 5.0:
        x = penalised_em(x, y, model, m, beta_over_s, scale=sigma, iterations=300)
        gradient = sigma * model.linear.adjoint(1 - y / model(x * sigma)) + weight * (x - m)
        assert (gradient * x).abs().max() < 1e-6 * weight


def test_no_weight_is_mlem_in_units_of_the_scale(double):
    model, y = double
    x = mlem(y, model, 2)
    ours = 5.0 * penalised_em(x / 5.0, y, model, torch.zeros_like(x), 0.0, scale=5.0, iterations=2)
    assert torch.allclose(ours, em_step(em_step(x, y, model), y, model), rtol=1e-10)


def test_the_weight_means_the_same_at_every_dose_and_in_every_unit(double):
    """Ten times the counts, or another unit of activity, give the same image."""
    model, y = double
    rich = build_model(torch.float64, counts=2e6)
    torch.set_num_threads(1)
    x = mlem(y, model, 5) / 8.0
    m = x.flip(0)
    once = penalised_em(x, y, model, m, 0.3, scale=8.0)
    assert torch.allclose(once, penalised_em(x, 10 * y, rich, m, 0.3, scale=8.0), rtol=1e-8)
    assert not torch.allclose(once, penalised_em(x, y, model, m, 0.6, scale=8.0), rtol=1e-3)


def test_voxels_that_no_line_sees_take_the_pull(model, counts, monkeypatch):
    sensitivity = model.sensitivity().clone()
    sensitivity[0, :3] = 0.0
    monkeypatch.setattr(type(model), "sensitivity", lambda self: sensitivity)
    m = torch.full(model.image_shape, 0.25)
    m[0, 0] = -1.0
    assert (relative_sensitivity(model, m)[0, :3] == 0).all()
    x = penalised_em(torch.ones(model.image_shape), counts[0], model, m, 0.01, scale=8.0)
    assert x[0, :3].tolist() == [0.0, 0.25, 0.25]
    assert torch.isfinite(x).all()
