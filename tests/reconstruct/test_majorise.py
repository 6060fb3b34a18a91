"""The pieces that MLEM, MAP-EM, DDIP and DEQ share: the root of the surrogate, and the step that is made of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct import map_em, mlem
from petrecon.reconstruct.majorise import background_shift, em_back_projection, positive_root, surrogate_step


def test_the_root_solves_the_quadratic_without_cancellation():
    d = torch.tensor([1.0, 1e-3, 5.0, 2.0, 1e-8, 0.0], dtype=torch.float64)
    p = torch.tensor([-4.0, 1e6, -1e6, 0.0, 1.0, 3.0], dtype=torch.float64)
    q = torch.tensor([3.0, 1e-3, 1e-3, 8.0, 0.0, 1.5], dtype=torch.float64)
    u = positive_root(d, p, q)
    assert (u >= 0).all()
    terms = torch.stack([d * u * u, p * u, -q])
    assert (terms.sum(0).abs() <= 1e-14 * terms.abs().amax(0).clamp_min(1e-14)).all()


@pytest.mark.parametrize("p", [-5.0, -1e-8, 0.0, 1e-8, 5.0, 1e5])
def test_the_root_keeps_its_digits_in_single_precision(p):
    """Each textbook form cancels for one sign of p; here float32 agrees with float64 to its own rounding."""
    args = [torch.tensor([v], dtype=torch.float64) for v in (1e-4, p, 1e1)]
    exact = positive_root(*args)
    assert positive_root(*[a.float() for a in args]).item() == pytest.approx(exact.item(), rel=2e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_root_and_derivatives_are_finite_wherever_one_exists(dtype):
    """Unseen voxels have q = 0, and p = 0 too without a penalty; a penalty of no strength has d = 0."""
    grid = torch.cartesian_prod(*[torch.tensor(v, dtype=dtype) for v in ([0.0, 2.0], [-3.0, 0.0, 4.0], [0.0, 5.0])])
    d, p, q = (v.clone().requires_grad_() for v in grid[(grid[:, 0] > 0) | (grid[:, 1] > 0) | ~grid[:, 1:].any(1)].T)
    u = positive_root(d, p, q)
    derivatives = torch.autograd.grad(u.sum(), (d, p, q))
    assert bool(torch.isfinite(torch.stack([u, *derivatives])).all())


def test_the_derivative_of_the_root_is_that_of_the_implicit_equation():
    """du/dp = -u / (2 d u + p), from differentiating d u² + p u - q = 0."""
    d, p, q = (torch.tensor(v, dtype=torch.float64) for v in ([1.0, 0.5], [-4.0, 6.0], [3.0, 2.0]))
    p.requires_grad_()
    u = positive_root(d, p, q)
    (slope,) = torch.autograd.grad(u.sum(), p)
    torch.testing.assert_close(slope, (-u / (2 * d * u + p)).detach(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_the_step_minimises_its_surrogate(shift):
    """Against a fine grid search of s x - u e log u + g x + ½ d (x - x_k)², u = x + z, over x >= 0."""
    for back, slope, d in ((3.0, 1.3, 0.7), (0.01, 4.0, 0.3)):
        x, e, s, c = (torch.tensor([v], dtype=torch.float64) for v in (2.0, back, slope, d))
        best = surrogate_step(x, e, s, c, torch.tensor(shift)).item()
        grid = np.linspace(0.0, 12, 2_000_001) + 1e-12
        cost = slope * grid - (2.0 + shift) * back * np.log(grid + shift) + 0.5 * d * (grid - 2.0) ** 2
        assert best == pytest.approx(grid[cost.argmin()], abs=1e-5)


def test_bins_that_measure_nothing_do_not_bound_the_shift(model):
    """Broken detectors (factor and background zero) say nothing of a uniform activity."""
    works = torch.ones(model.sinogram_shape, dtype=torch.float64)
    works[:, 5] = 0.0
    parts = {"projector": model.projector, "resolution": model.resolution, "scale": model.scale}
    broken = AcquisitionModel(**parts, normalisation=works, background=model.background * works)
    whole = AcquisitionModel(**parts, background=model.background)
    assert 0 < float(background_shift(whole)) <= float(background_shift(broken))


def test_back_projection_is_that_of_em(model, counts):
    x = torch.ones(model.image_shape, dtype=torch.float64)
    once = x * em_back_projection(counts, model(x), model) / model.sensitivity()
    torch.testing.assert_close(mlem(counts, model, 1, x), once, rtol=1e-12, atol=0)


def test_map_em_takes_the_step_of_deq(model, counts):
    """One iteration of `map_em` is DEQ's map of a problem with one frame and the same total variation."""
    from petrecon.deq import dynamic_problem, hyperparameters, mm_map
    from petrecon.reconstruct import SmoothedTV

    frames = AcquisitionModel(
        model.projector, resolution=model.resolution, scale=model.scale[None], background=model.background[None]
    )
    problem = dynamic_problem(counts[None, None], frames)
    x = problem.start()
    theirs = map_em(counts, model, SmoothedTV(0.3, epsilon=0.2), 1, x[0, 0])
    torch.testing.assert_close(mm_map(x, problem, hyperparameters(1.0, [0.3], 0.2))[0, 0], theirs, rtol=1e-11, atol=0)
