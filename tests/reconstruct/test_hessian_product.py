"""The penalties' products with their Hessian, which Newton methods and implicit derivatives need."""

from __future__ import annotations

import pytest
import torch

from petrecon.reconstruct import Bowsher, Quadratic, RelativeDifference, SmoothedTV

SHAPES = {2: (5, 4), 3: (3, 4, 3)}
STEPS = {2: (2.0, 5.0), 3: (2.0, 2.0, 3.3)}


def draw(dims, seed):
    return 5 * torch.rand(SHAPES[dims], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def penalties(dims):
    return [
        Quadratic(0.7, dims, full_neighbourhood=True, voxel_size=STEPS[dims]),
        RelativeDifference(3.0, dims),
        RelativeDifference(3.0, dims, gamma=0.5, epsilon=0.1, voxel_size=STEPS[dims]),
        SmoothedTV(2.0, dims, epsilon=0.3),
        SmoothedTV(2.0, dims, epsilon=3.0, voxel_size=STEPS[dims]),
        Bowsher(0.7, draw(dims, 99), neighbours=4, radius=1, voxel_size=STEPS[dims]),
    ]


EACH = [pytest.param(p, d, id=f"{type(p).__name__}-{i}-{d}d") for d in (2, 3) for i, p in enumerate(penalties(d))]


@pytest.mark.parametrize(("penalty", "dims"), EACH)
def test_the_product_is_that_of_the_hessian_of_the_value(penalty, dims):
    """Against the dense Hessian by automatic differentiation; symmetric and positive semi-definite."""
    x, v, w = draw(dims, 1), draw(dims, 2) - 2.5, draw(dims, 3) - 2.5
    dense = torch.autograd.functional.hessian(penalty.value, x).reshape(x.numel(), -1)
    product = penalty.hessian_product(x)
    torch.testing.assert_close(product(v).flatten(), dense @ v.flatten(), rtol=1e-10, atol=1e-10)
    assert float((w * product(v)).sum()) == pytest.approx(float((v * product(w)).sum()), rel=1e-10, abs=1e-12)
    assert float((v * product(v)).sum()) >= 0


@pytest.mark.parametrize(("penalty", "dims"), EACH)
def test_the_product_is_the_slope_of_the_gradient(penalty, dims):
    """Central differences of the gradient along a direction; a batch is a loop."""
    x, v, h = torch.stack([draw(dims, 4), draw(dims, 5)]), torch.stack([draw(dims, 6), draw(dims, 7)]), 1e-6
    numeric = (penalty.gradient(x + h * v) - penalty.gradient(x - h * v)) / (2 * h)
    product = penalty.hessian_product(x)(v)
    torch.testing.assert_close(product, numeric, rtol=1e-5, atol=1e-6)
    for one, a, b in zip(product, x, v, strict=True):
        torch.testing.assert_close(one, penalty.hessian_product(a)(b))
