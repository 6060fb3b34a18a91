"""A cylinder's lines are the same whether they are kept or made when asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from petrecon.errors import InputError
from petrecon.projectors import Geometry, cylinder, make_projector
from petrecon.projectors.cylinder import CylinderGeometry
from petrecon.projectors.lines import cylinder_lines, detector_positions, plane_heights, ring_lines

POSITIONS = detector_positions(9, 2, 18.0, 30.0)


@pytest.fixture
def lazy():
    return CylinderGeometry(ring_lines(POSITIONS, 5), plane_heights(3, 8.0, 1), (4, 3, 3), (7.0, 8.0, 5.0))


@pytest.fixture
def stored():
    return Geometry(*cylinder_lines(POSITIONS, 5, 3, 8.0, 1), (4, 3, 3), (7.0, 8.0, 5.0))


def test_kept_lines_are_those_of_the_plain_geometry(lazy, stored):
    assert lazy.sinogram_shape == stored.sinogram_shape
    assert lazy.fingerprint() == stored.fingerprint()
    assert lazy.subset([1, 4]).fingerprint() == stored.subset([1, 4]).fingerprint()
    assert [g.fingerprint() for g in lazy.subsets(3)] == [g.fingerprint() for g in stored.subsets(3)]


@pytest.mark.parametrize("limit", [2**24, 40])
@pytest.mark.parametrize("lines", [slice(None), slice(7, 90), np.array([3, 0, 200])])
def test_some_lines_are_the_same_kept_or_made(lazy, stored, lines, limit, monkeypatch):
    monkeypatch.setattr(cylinder, "STORED_LINES", limit)
    for made, kept in zip(lazy.ends(lines), stored.ends(lines), strict=True):
        np.testing.assert_array_equal(made, kept)
    assert limit > 40 or "lor_start" not in vars(lazy)


def test_joseph_in_blocks_is_joseph_at_once(lazy, stored, monkeypatch):
    """315 lines in blocks of 10, one image and several, both ways; the end points are never all there."""
    whole = make_projector(stored, "joseph", torch.float64)
    monkeypatch.setattr(cylinder, "STORED_LINES", 40)
    parts = make_projector(lazy, "joseph", torch.float64)
    draw = torch.Generator().manual_seed(0)
    for batch in ((), (3,)):
        x = torch.rand(*batch, *lazy.image_shape, dtype=torch.float64, generator=draw)
        y = torch.rand(*batch, *lazy.sinogram_shape, dtype=torch.float64, generator=draw)
        torch.testing.assert_close(parts(x), whole(x), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(parts.adjoint(y), whole.adjoint(y), rtol=1e-12, atol=1e-12)
    assert "lor_start" not in vars(lazy)


def test_an_impossible_grid_is_refused(lazy):
    with pytest.raises(InputError, match="positive and finite"):
        CylinderGeometry(lazy.ring, lazy.heights, (4, 3, 0), (7.0, 8.0, 5.0))
