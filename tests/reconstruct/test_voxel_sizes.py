"""Distances between neighbours are in mm: thick slices smooth less across than along, and equal voxels as before."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch

from petrecon.errors import ParameterError
from petrecon.reconstruct import Bowsher, Quadratic, RelativeDifference, SmoothedTV, penalty_by_name
from petrecon.reconstruct.neighbours import closeness

THICK = (2.0, 2.0, 6.0)


def volume(seed=0):
    return 5 * torch.rand(4, 5, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


MAKERS = [
    lambda **o: Quadratic(0.4, 3, full_neighbourhood=True, **o),
    lambda **o: RelativeDifference(0.4, 3, **o),
    lambda **o: SmoothedTV(0.4, 3, **o),
    lambda **o: Bowsher(0.4, volume(9), 5, 1, **o),
]


@pytest.mark.parametrize("make", MAKERS, ids=["quadratic", "rdp", "tv", "bowsher"])
def test_equal_voxels_of_any_size_change_no_bit(make):
    x = volume()
    for size in (2.0863, 1.0 / 3.0):
        plain, sized = make(), make(voxel_size=(size,) * 3)
        for name in ("value", "gradient", "curvature"):
            assert torch.equal(getattr(plain, name)(x), getattr(sized, name)(x))


@pytest.mark.parametrize("offset", [o for o in product(range(-2, 3), repeat=3) if any(o)])
def test_a_pair_weighs_the_inverse_of_its_distance(offset):
    """Relative to the nearest neighbour: 1 / |offset in mm|, times the shortest step."""
    distance = math.hypot(*(o * v for o, v in zip(offset, THICK, strict=True)))
    assert closeness(offset, (1.0, 1.0, 3.0)) == pytest.approx(2.0 / distance, rel=1e-14)


NEAREST = [
    lambda **o: Quadratic(0.4, 3, **o),
    lambda **o: RelativeDifference(0.4, 3, full_neighbourhood=False, **o),
    lambda **o: SmoothedTV(0.4, 3, epsilon=1e-9, **o),
]


@pytest.mark.parametrize("make", NEAREST, ids=["quadratic", "rdp", "tv"])
def test_a_step_across_thick_slices_costs_as_much_less_as_they_are_thicker(make):
    """The same step along x and along z of a cube of voxels, slices three times as thick: in z it costs a third."""
    step = 5 * (torch.arange(4) > 1).double()
    along = step[:, None, None].expand(4, 4, 4).contiguous()
    across = step[None, None, :].expand(4, 4, 4).contiguous()
    penalty = make(voxel_size=THICK)
    assert float(penalty.value(along)) == pytest.approx(3 * float(penalty.value(across)), rel=1e-6)
    assert float(make().value(along)) == pytest.approx(float(make().value(across)), rel=1e-12)


@pytest.mark.parametrize("make", MAKERS, ids=["quadratic", "rdp", "tv", "bowsher"])
def test_with_thick_slices_the_gradient_is_that_of_the_value_and_the_curvature_bends_more(make):
    penalty, x = make(voxel_size=THICK), volume(3)
    leaf = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(penalty.value(leaf), leaf)
    torch.testing.assert_close(penalty.gradient(x), slope, rtol=1e-10, atol=1e-10)
    hessian = torch.autograd.functional.hessian(penalty.value, x).reshape(x.numel(), -1)
    spare = torch.linalg.eigvalsh(torch.diag(penalty.curvature(x).flatten()) - hessian)
    assert float(spare.min()) >= -1e-9 * float(spare.max())


def test_total_variation_does_not_depend_on_how_finely_a_slope_is_sampled():
    """A ramp of 1 kBq/mL per mm: |gradient| per voxel is the same whichever axis is coarse."""
    fine, coarse = torch.arange(12.0).double(), 3 * torch.arange(4.0).double()
    along = SmoothedTV(1.0, 2, 1e-9, voxel_size=(1.0, 3.0)).value(fine[:, None].expand(12, 4).contiguous())
    across = SmoothedTV(1.0, 2, 1e-9, voxel_size=(1.0, 3.0)).value(coarse[None, :].expand(12, 4).contiguous())
    assert float(along) / (11 * 4) == pytest.approx(float(across) / (12 * 3), rel=1e-9)


@pytest.mark.parametrize("size", [(2.0,), (2.0, 0.0), (2.0, -1.0), (2.0, float("nan"))])
@pytest.mark.parametrize("name", ["quadratic", "rdp", "tv"])
def test_a_voxel_size_that_does_not_fit_is_refused(name, size):
    with pytest.raises(ParameterError, match="voxel_size of a penalty"):
        penalty_by_name(name, 1.0, voxel_size=size)
