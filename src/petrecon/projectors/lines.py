"""From a ring of detectors to lines of response: positions, view and radial order, planes."""

from __future__ import annotations

import numpy as np


def detector_positions(modules: int, crystals: int, width: float, radius: float) -> np.ndarray:
    """Return the (x, y) positions of a ring's detectors, (modules * crystals, 2) [mm].

    The ring is a regular polygon of `modules` flat faces at apothem `radius` (crystal face plus mean depth of
    interaction) [mm]; `crystals` detectors of equal pitch share each face's `width` [mm]. Detectors are
    numbered counter-clockwise, starting at the middle crystal of the lowest face (0, -radius), so that view 0
    looks along the y axis and its radial positions run along x.
    """
    offset = (np.arange(crystals) - (crystals - 1) / 2) * (width / crystals)
    angle = -np.pi / 2 + 2 * np.pi * np.arange(modules) / modules
    outward = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    along = np.stack([-np.sin(angle), np.cos(angle)], axis=-1)
    ring = radius * outward[:, None, :] + offset[None, :, None] * along[:, None, :]
    return np.roll(ring.reshape(-1, 2), -(crystals // 2), axis=0)


def detector_pairs(detectors: int, radial_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the two detector numbers of every line of a ring, each (radial, views).

    View v and radial offset k = -(R-1)/2 … (R-1)/2 join detectors v + ceil(k/2) and v + N/2 - floor(k/2) (mod
    N): the usual interleaving of odd and even sums, which gives N/2 views with radial positions that grow
    with k.
    """
    k = np.arange(radial_bins)[:, None] - (radial_bins - 1) // 2
    v = np.arange(detectors // 2)[None, :]
    return (v - (-k // 2)) % detectors, (v + detectors // 2 - k // 2) % detectors


def ring_pairs(rings: int, max_ring_difference: int) -> np.ndarray:
    """Return the (start, end) ring of every plane at span 1, (planes, 2), in segment order 0, +1, -1, …."""
    segments = [0] + [sign * d for d in range(1, max_ring_difference + 1) for sign in (1, -1)]
    pairs = [(r, r + s) for s in segments for r in range(rings) if 0 <= r + s < rings]
    return np.array(pairs, dtype=np.int64)


def ring_lines(positions: np.ndarray, radial_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the lines of one ring in the plane z = 0, two arrays (radial, views, 3) [mm]."""
    flat = np.concatenate([positions, np.zeros((len(positions), 1))], axis=1)
    first, second = detector_pairs(len(positions), radial_bins)
    return flat[first], flat[second]


def cylinder_lines(
    positions: np.ndarray, radial_bins: int, rings: int, ring_pitch: float, max_ring_difference: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lines of a cylinder of rings about z = 0, two arrays (radial, views, planes, 3) [mm]."""
    start, end = ring_lines(positions, radial_bins)
    heights = plane_heights(rings, ring_pitch, max_ring_difference)
    return lifted(start, heights[:, 0]), lifted(end, heights[:, 1])


def plane_heights(rings: int, ring_pitch: float, max_ring_difference: int) -> np.ndarray:
    """Return z of the (start, end) ring of every plane of a cylinder about z = 0, (planes, 2) [mm]."""
    z = (np.arange(rings) - (rings - 1) / 2) * ring_pitch
    return z[ring_pairs(rings, max_ring_difference)]


def lifted(flat: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Return the points (radial, views, 3) of one ring at every height, (radial, views, planes, 3) [mm]."""
    points = np.repeat(flat[:, :, None, :], len(heights), axis=2)
    points[..., 2] = heights
    return points
