"""The dynamic penalty's majoriser: above it everywhere, tangent at x, in space and in time."""

from __future__ import annotations

import itertools

import pytest
import torch

from petrecon.deq import hyperparameters
from petrecon.deq.penalty import penalty_gradient, penalty_hessian, penalty_value, slope_and_curvature

SHAPE = (4, 4, 5)


def draw(seed):
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def steps(seed):
    """Yield steps: random ones, and ones that alternate along time, rows, columns, and together."""
    yield draw(seed) - 0.5
    index = torch.meshgrid(*[torch.arange(n) for n in SHAPE], indexing="ij")
    for axes in itertools.chain.from_iterable(itertools.combinations(range(3), k) for k in (1, 2, 3)):
        yield 1.0 - 2.0 * (sum(index[a] for a in axes) % 2).double()


THETAS = [
    hyperparameters(1e-9, [0.5, 1.0, 2.0, 0.1], 0.3),
    hyperparameters(2.0, [1e-9, 1e-9, 1e-9, 1e-9], 0.3),
    hyperparameters(0.5, [0.5, 1.0, 2.0, 0.1], 3.0),
]


@pytest.mark.parametrize("theta", THETAS, ids=["space", "time", "both"])
def test_the_surrogate_lies_above_far_and_near_and_touches_at_x(theta):
    """Q(z | x) >= R(z) for rough, nearly flat and flat x and long and short steps; equal and tangent at x."""
    for roughness in (4.0, 0.05, 0.0):
        x = 5.0 + roughness * (draw(1) - 0.5)
        slope, curvature = slope_and_curvature(x, theta)
        for way, length in itertools.product(steps(2), (4.0, 0.3, 0.02)):
            step = length * way
            bound = penalty_value(x, theta) + (slope * step + 0.5 * curvature * step * step).sum()
            value = penalty_value(x + step, theta)
            assert float(bound - value) >= -1e-11 * float(value)
        leaf = x.clone().requires_grad_()
        (exact,) = torch.autograd.grad(penalty_value(leaf, theta), leaf)
        torch.testing.assert_close(slope, exact, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(penalty_gradient(x, theta), exact, rtol=1e-9, atol=1e-9)
        hessian = torch.autograd.functional.hessian(lambda z: penalty_value(z, theta), x).reshape(x.numel(), -1)
        spare = torch.linalg.eigvalsh(torch.diag(curvature.flatten()) - hessian)
        assert float(spare.min()) >= -1e-9 * float(spare.max())
        v = draw(3)[None]
        product = penalty_hessian(x[None], theta)(v)[0].flatten()
        torch.testing.assert_close(product, hessian @ v.flatten(), rtol=1e-9, atol=1e-9)
