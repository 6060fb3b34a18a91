"""The map majorises, its iterations descend, and its fixed point is the minimiser."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from petrecon.deq import Hyperparameters, gradient, kkt_residual, mm_map, objective, reconstruct
from petrecon.deq.mm_map import mm_map_and_value, surrogate
from petrecon.deq.penalty import penalty_gradient, penalty_value, slope_and_curvature
from petrecon.reconstruct import SmoothedTV


def random_images(problem, seed, positive=True):
    """Return images between 0 and 20 kBq/mL, some voxels exactly zero unless `positive`."""
    x = 20 * torch.rand(problem.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x + 0.01 if positive else torch.where(x < 4, 0.0, x)


@pytest.mark.parametrize("shifted", [True, False])
def test_surrogate_lies_above_the_objective_and_touches_it(problem, theta, shifted):
    """Q(x | k) >= f(x) for random pairs, near and far, and Q(k | k) = f(k)."""
    for seed in range(20):
        at = random_images(problem, seed)
        far = random_images(problem, 100 + seed)
        for x in (far, at + 0.05 * (far - at), mm_map(at, problem, theta, shifted=shifted)):
            gap = surrogate(x, at, problem, theta, shifted=shifted) - objective(x, problem, theta)
            assert (gap >= -1e-9 * objective(x, problem, theta).abs()).all()
        touch = surrogate(at, at, problem, theta, shifted=shifted) - objective(at, problem, theta)
        assert touch.abs().max() <= 1e-12 * objective(at, problem, theta).abs().max()


def test_map_minimises_its_surrogate(problem, theta):
    """No other image has a smaller surrogate: the step is the closed-form minimum, also where it is zero."""
    at = random_images(problem, 1, positive=False)
    best = mm_map(at, problem, theta)
    value = surrogate(best, at, problem, theta)
    for seed in range(10):
        nearby = (best + 0.1 * (random_images(problem, 10 + seed) - 10)).clamp_min(0.0)
        assert (surrogate(nearby, at, problem, theta) >= value).all()


def test_objective_never_rises_over_3000_plain_iterations(problem, theta):
    x, values = problem.start(), []
    for _ in range(3000):
        following, value = mm_map_and_value(x, problem, theta)
        values.append(value)
        x = following
    values = torch.stack(values)
    assert (values.diff(dim=0) <= 1e-13 * values[0].abs()).all()
    assert (values[-1] < values[0] - 1e3).all()


def test_value_beside_the_map_is_the_objective_up_to_a_constant(problem, theta):
    a, b = random_images(problem, 1), random_images(problem, 2)
    beside = mm_map_and_value(a, problem, theta)[1] - mm_map_and_value(b, problem, theta)[1]
    torch.testing.assert_close(beside, objective(a, problem, theta) - objective(b, problem, theta), rtol=1e-9, atol=0)


def test_gradient_is_that_of_the_objective(problem, theta):
    """Central differences of the objective along random directions."""
    x = random_images(problem, 3)
    slope = gradient(x, problem, theta)
    for seed in range(5):
        direction = torch.randn(problem.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        h = 1e-5
        ahead, behind = (objective(x + sign * h * direction, problem, theta) for sign in (1, -1))
        difference = (ahead - behind) / (2 * h)
        torch.testing.assert_close(difference, (slope * direction).sum((1, 2, 3)), rtol=1e-5, atol=1e-2)


def test_penalty_agrees_with_smoothed_tv_of_each_frame(problem, theta):
    """With η → 0 the penalty is the static one, frame by frame: value, gradient and curvature."""
    x = random_images(problem, 4)
    still = Hyperparameters(torch.tensor(-80.0, dtype=torch.float64), theta.log_lambda, theta.log_epsilon)
    frames = [SmoothedTV(float(lam.exp()), 2, float(theta.log_epsilon.exp())) for lam in theta.log_lambda]
    torch.testing.assert_close(
        penalty_value(x, still), sum(p.value(x[:, t]) for t, p in enumerate(frames)), rtol=1e-12, atol=0
    )
    slope, curvature = slope_and_curvature(x, still)
    torch.testing.assert_close(slope, penalty_gradient(x, still))
    for t, penalty in enumerate(frames):
        torch.testing.assert_close(slope[:, t], penalty.gradient(x[:, t]))
        torch.testing.assert_close(curvature[:, t], penalty.curvature(x[:, t]))


def test_penalty_majoriser_lies_above_and_is_tight_in_time(theta):
    """R(z) <= R(x) + g (z - x) + ½ d (z - x)²; equal for steps that alternate from frame to frame, voxel by voxel."""
    strong = theta._replace(log_eta=theta.log_eta + 4)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        x, z = 20 * torch.rand(2, 1, 4, 6, 6, generator=generator, dtype=torch.float64)
        alternating = x + 0.1 * torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64)[:, None, None]
        slope, curvature = slope_and_curvature(x, strong)

        def above(z, x=x, slope=slope, curvature=curvature):
            return penalty_value(x, strong) + (slope * (z - x) + 0.5 * curvature * (z - x) ** 2).sum((1, 2, 3))

        assert above(z) >= penalty_value(z, strong)
        assert above(alternating) >= penalty_value(alternating, strong)
    still = strong._replace(log_lambda=strong.log_lambda - 60)
    slope, curvature = slope_and_curvature(x, still)
    step = alternating - x
    bound = penalty_value(x, still) + (slope * step + 0.5 * curvature * step**2).sum((1, 2, 3))
    torch.testing.assert_close(bound, penalty_value(alternating, still), rtol=1e-12, atol=0)


def test_minimiser_is_that_of_lbfgsb_and_optimal(problem, theta):
    """A general bounded quasi-Newton method finds the same image; the optimality conditions hold to 1e-8."""
    one = problem.select([0])
    ours, report = reconstruct(one, theta, tol=1e-12, memory=10)
    assert bool(report.converged.all())
    assert float(kkt_residual(ours, one, theta).max()) <= 1e-8
    scale = torch.sqrt((ours + 0.05) / one.sensitivity)

    def value_and_gradient(flat):
        x = torch.from_numpy(flat.reshape(one.shape)) * scale
        return objective(x, one, theta).item(), (gradient(x, one, theta) * scale).numpy().ravel()

    start = (one.start() / scale).numpy().ravel()
    options = {"maxiter": 20000, "maxfun": 20000, "maxcor": 40, "ftol": 0.0, "gtol": 1e-9}
    bounds = [(0, None)] * start.size
    found = minimize(value_and_gradient, start, jac=True, bounds=bounds, method="L-BFGS-B", options=options)
    theirs = torch.from_numpy(found.x.reshape(one.shape)) * scale
    assert (ours - theirs).norm() / ours.norm() <= 1e-6
    assert objective(ours, one, theta).item() <= found.fun + 1e-12 * abs(found.fun)
    assert np.isfinite(found.fun)
