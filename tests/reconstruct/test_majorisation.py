"""What every penalty promises: a separable quadratic that touches it and lies above it, far away and nearby."""

from __future__ import annotations

import itertools

import pytest
import torch

from petrecon.reconstruct import Bowsher, Quadratic, RelativeDifference, SmoothedTV

SHAPES = {2: (6, 5), 3: (3, 3, 4)}


def draw(dims, seed):
    return torch.rand(SHAPES[dims], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def penalties(dims):
    full = {"full_neighbourhood": True}
    return [
        Quadratic(0.7, dims),
        Quadratic(0.7, dims, **full),
        RelativeDifference(3.0, dims),
        RelativeDifference(3.0, dims, gamma=0.0, epsilon=0.1, full_neighbourhood=False),
        SmoothedTV(2.0, dims, epsilon=0.3),
        SmoothedTV(0.5, dims, epsilon=5.0),
        Bowsher(0.7, draw(dims, 99), neighbours=5, radius=1),
    ]


EACH = [pytest.param(p, d, id=f"{type(p).__name__}-{i}-{d}d") for d in (2, 3) for i, p in enumerate(penalties(d))]


def directions(dims, seed):
    """Yield steps: random ones, and ones that alternate from voxel to voxel along some of the axes, the worst case."""
    yield draw(dims, seed) - 0.5
    index = torch.meshgrid(*[torch.arange(n) for n in SHAPES[dims]], indexing="ij")
    for axes in itertools.chain.from_iterable(itertools.combinations(range(dims), k) for k in range(1, dims + 1)):
        yield 1.0 - 2.0 * (sum(index[a] for a in axes) % 2).double()


def images(dims, seed):
    """Yield images: rough, nearly flat, and flat ones."""
    for roughness in (4.0, 0.05, 0.0):
        yield 5.0 + roughness * (draw(dims, seed) - 0.5)


def surrogate(penalty, x, step):
    """Q(x + step | x)."""
    slope, curvature = penalty.gradient(x), penalty.curvature(x)
    return penalty.value(x) + (slope * step).sum() + 0.5 * (curvature * step * step).sum()


@pytest.mark.parametrize(("penalty", "dims"), [p for p in EACH if p.values[0].exact_majoriser])
def test_the_surrogate_lies_above_the_penalty_far_and_near(penalty, dims):
    """Q(z | x) >= R(z) for all pairs, whatever the image, the direction and the length of the step."""
    for seed in range(3):
        for x, way in itertools.product(images(dims, seed), directions(dims, 50 + seed)):
            for length in (4.0, 0.3, 0.02):
                gap = surrogate(penalty, x, length * way) - penalty.value(x + length * way)
                assert float(gap) >= -1e-11 * float(penalty.value(x + length * way))


@pytest.mark.parametrize(("penalty", "dims"), EACH)
def test_the_surrogate_touches_the_penalty_and_bends_more(penalty, dims):
    """At x: the same value, the same slope, and diag(d) - ∇²R(x) has no negative eigenvalue.

    The last holds for the relative difference too, whose curvature is a bound only in the neighbourhood of x.
    """
    for x in images(dims, 7):
        leaf = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(penalty.value(leaf), leaf)
        assert float(surrogate(penalty, x, torch.zeros_like(x))) == pytest.approx(float(penalty.value(x)), rel=1e-14)
        torch.testing.assert_close(penalty.gradient(x), slope, rtol=1e-9, atol=1e-9)
        hessian = torch.autograd.functional.hessian(penalty.value, x).reshape(x.numel(), -1)
        spare = torch.linalg.eigvalsh(torch.diag(penalty.curvature(x).flatten()) - hessian)
        assert float(spare.min()) >= -1e-9 * float(spare.max())


@pytest.mark.parametrize(("penalty", "dims"), EACH)
def test_a_penalty_leaves_its_image_alone_and_grows_with_its_strength(penalty, dims):
    """Calling it changes nothing; twice the strength is twice the value, the slope and the curvature."""
    x = 5 * draw(dims, 3)
    before = x.clone()
    twice = Bowsher(1.4, penalty.mr, 5, 1) if isinstance(penalty, Bowsher) else None
    if twice is None:
        twice = type(penalty)(**{**vars(penalty), "strength": 2 * penalty.strength})
    for name in ("value", "gradient", "curvature"):
        torch.testing.assert_close(getattr(twice, name)(x), 2 * getattr(penalty, name)(x), rtol=1e-12, atol=0)
    assert torch.equal(x, before)
