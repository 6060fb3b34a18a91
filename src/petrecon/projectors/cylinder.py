"""The lines of a cylinder of rings, made when they are asked for: all at once they can outgrow the memory."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from petrecon.projectors.geometry import Geometry, Lines, checked_grid
from petrecon.projectors.lines import lifted

STORED_LINES = 2**24
"""A geometry of at most this many lines keeps their end points (768 MiB); of more, they are made in blocks."""


class CylinderGeometry(Geometry):
    """A sinogram of the planes between rings, each plane the same lines of one ring.

    Attributes
    ----------
    ring : two ndarrays, (radial, views, 3)
        End points of the lines in the plane z = 0 [mm].
    heights : ndarray, (planes, 2)
        z at the start and at the end of the lines of every plane [mm].
    """

    def __init__(
        self,
        ring: tuple[np.ndarray, np.ndarray],
        heights: np.ndarray,
        image_shape: tuple[int, ...],
        voxel_size: tuple[float, ...],
    ) -> None:
        shape, size = checked_grid(image_shape, voxel_size)
        for name, value in (("ring", ring), ("heights", heights), ("image_shape", shape), ("voxel_size", size)):
            object.__setattr__(self, name, value)

    ring: tuple[np.ndarray, np.ndarray]
    heights: np.ndarray

    @cached_property
    def lor_start(self) -> np.ndarray:  # type: ignore[override]
        """Start points of all lines, (radial, views, planes, 3) [mm]; kept."""
        return lifted(self.ring[0], self.heights[:, 0])

    @cached_property
    def lor_end(self) -> np.ndarray:  # type: ignore[override]
        """End points of all lines, (radial, views, planes, 3) [mm]; kept."""
        return lifted(self.ring[1], self.heights[:, 1])

    @property
    def sinogram_shape(self) -> tuple[int, ...]:
        """Shape of the sinogram: (radial, views, planes)."""
        return (*self.ring[0].shape[:2], len(self.heights))

    @property
    def in_plane(self) -> bool:
        """Whether all lines lie in the plane z = 0."""
        return not self.heights.any()

    @property
    def block(self) -> int:
        """Number of lines to hand out at once."""
        return self.lines if self.lines <= STORED_LINES else STORED_LINES // 4

    def ends(self, lines: np.ndarray | slice) -> Lines:
        """Return start and end points of some lines of the flat sinogram, two arrays (lines, 3) [mm]."""
        if self.lines <= STORED_LINES and isinstance(lines, slice):
            return super().ends(lines)
        number = np.arange(*lines.indices(self.lines)) if isinstance(lines, slice) else lines
        bin_, plane = np.divmod(number, len(self.heights))
        found = []
        for side in (0, 1):
            points = self.ring[side].reshape(-1, 3)[bin_]
            points[:, 2] = self.heights[plane, side]
            found.append(points)
        return found[0], found[1]

    def subset(self, views: np.ndarray | list[int] | slice) -> Geometry:
        """Return the geometry of some views only (indices into the second axis of the sinogram)."""
        ring = (self.ring[0][:, views], self.ring[1][:, views])
        return CylinderGeometry(ring, self.heights, self.image_shape, self.voxel_size)

    def _same_lines(self, other: Geometry) -> bool:
        if not isinstance(other, CylinderGeometry):
            return super()._same_lines(other)
        own, others = (*self.ring, self.heights), (*other.ring, other.heights)
        return all(np.array_equal(a, b) for a, b in zip(own, others, strict=True))
