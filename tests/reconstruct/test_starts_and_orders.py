"""Where reconstructions start, the order in which OSEM takes its views, and the window of FBP."""

from __future__ import annotations

import pytest
import torch

from petrecon.reconstruct.fbp import _ramp
from petrecon.reconstruct.majorise import start_image
from petrecon.reconstruct.osem import _spread


def test_the_start_explains_the_counts_above_the_background(model, counts):
    """Flat, and with as many expected counts as were measured, background included; each image of a batch its own."""
    batch = torch.stack([counts, 3 * counts])
    starts = start_image(batch, model, None)
    torch.testing.assert_close(model(starts).sum((1, 2)), batch.sum((1, 2)), rtol=1e-9, atol=0)
    for start in starts:
        seen = start[model.sensitivity() > 0]
        torch.testing.assert_close(seen, seen[:1].expand_as(seen))


def test_a_start_image_is_not_written_to(model, counts):
    x0 = torch.full(model.image_shape, 2.0, dtype=torch.float64)
    start_image(counts, model, x0).mul_(5.0)
    assert bool((x0 == 2.0).all())


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 8, 9, 10, 12, 14, 16, 18, 20, 24, 28, 32, 36])
def test_osem_takes_each_subset_once_and_never_two_neighbours_in_a_row(count):
    order = _spread(count)
    assert sorted(order) == list(range(count))
    if count > 4:
        for a, b in zip(order, [*order[1:], order[0]], strict=True):
            assert min((a - b) % count, (b - a) % count) >= 0.2 * count


def test_half_the_cutoff_is_the_same_filter_twice_as_wide():
    """The window ends at the cutoff, so h_c(t) = c² h_1(c t): what the kernel of FBP holds at t and at 2 t."""
    point = torch.zeros(1025, 1, dtype=torch.float64)
    point[512] = 1.0
    full, half = (_ramp(point, 2.0, cutoff)[:, 0] for cutoff in (1.0, 0.5))
    scale = float(full.max())
    for lag in range(20):
        assert float(half[512 + 2 * lag]) == pytest.approx(float(full[512 + lag]) / 4, abs=2e-4 * scale)
