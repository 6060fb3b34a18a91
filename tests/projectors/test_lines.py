from __future__ import annotations

import numpy as np
import pytest

from petrecon.projectors import Geometry, load_scanner, scanner_names
from petrecon.projectors.lines import (
    cylinder_lines,
    detector_pairs,
    detector_positions,
    ring_lines,
    ring_pairs,
)


def test_detectors_lie_on_flat_faces_at_the_apothem():
    """Every module's detectors are at the same distance along its normal, evenly spaced on its face."""
    ring = np.roll(detector_positions(6, 4, 12.0, 50.0), 2, axis=0).reshape(6, 4, 2)
    angle = -np.pi / 2 + np.arange(6) * np.pi / 3
    normal = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    np.testing.assert_allclose(np.einsum("mcx,mx->mc", ring, normal), 50.0)
    np.testing.assert_allclose(np.linalg.norm(np.diff(ring, axis=1), axis=-1), 3.0)


@pytest.mark.parametrize(("detectors", "bins"), [(16, 15), (30, 11), (22, 21)])
def test_every_pair_of_detectors_is_one_line_at_most(detectors, bins):
    first, second = detector_pairs(detectors, bins)
    pairs = {frozenset(p) for p in zip(first.ravel().tolist(), second.ravel().tolist(), strict=True)}
    assert len(pairs) == first.size
    assert all(len(p) == 2 for p in pairs)


def test_all_offsets_together_are_all_pairs():
    """N - 1 offsets of N/2 views are the N (N - 1) / 2 pairs of N detectors."""
    first, second = detector_pairs(16, 15)
    pairs = {frozenset(p) for p in zip(first.ravel().tolist(), second.ravel().tolist(), strict=True)}
    assert len(pairs) == 16 * 15 // 2


@pytest.mark.parametrize("coarsening", ["quick", "laptop", "paper"])
@pytest.mark.parametrize("name", scanner_names())
def test_radial_positions_grow_with_their_index_and_are_antisymmetric(name, coarsening):
    """On every card: monotone in each view, odd about the central bin, views in order over half a turn."""
    geometry = load_scanner(name).geometry(coarsening)
    position, angle = geometry.radial_positions(), geometry.view_angles()
    assert (np.diff(position, axis=0) > 0).all()
    middle = position.shape[0] // 2
    np.testing.assert_allclose(position[middle], 0, atol=1e-9)
    np.testing.assert_allclose(position[::-1].mean(1), -position.mean(1), atol=1e-9)
    assert (np.diff(angle) > 0).all()
    assert angle[-1] - angle[0] < np.pi


def test_ring_differences_come_in_segment_order():
    assert ring_pairs(3, 2).tolist() == [
        [0, 0], [1, 1], [2, 2], [0, 1], [1, 2], [1, 0], [2, 1], [0, 2], [2, 0],
    ]  # fmt: skip


@pytest.mark.parametrize(("rings", "difference"), [(1, 0), (4, 0), (5, 2), (6, 5)])
def test_number_of_planes_is_that_of_span_one(rings, difference):
    expected = rings + 2 * sum(rings - d for d in range(1, difference + 1))
    assert len(ring_pairs(rings, difference)) == expected


def test_a_cylinder_is_its_ring_lifted_to_the_planes():
    positions = detector_positions(8, 2, 20.0, 30.0)
    start, end = cylinder_lines(positions, 5, 3, 8.0, 1)
    flat = ring_lines(positions, 5)
    np.testing.assert_array_equal(start[..., :2], np.repeat(flat[0][:, :, None, :2], 7, axis=2))
    assert start[0, 0, :, 2].tolist() == [-8, 0, 8, -8, 0, 0, 8]
    assert end[0, 0, :, 2].tolist() == [-8, 0, 8, 0, 8, -8, 0]


def test_a_ring_lies_exactly_in_the_plane_of_its_slice():
    start, end = ring_lines(detector_positions(8, 2, 20.0, 30.0), 5)
    assert not start[..., 2].any()
    assert not end[..., 2].any()
    assert Geometry(start, end, (4, 4), (2.0, 2.0)).image_origin == (-3.0, -3.0)
