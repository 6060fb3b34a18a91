"""Lines of response and the image grid they cross: plain arrays in millimetres."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
import torch

from petrecon.errors import InputError

Lines = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Geometry:
    """A sinogram's lines of response and the image grid centred between them.

    The image is indexed (x, y) or (x, y, z), its grid is always centred on the world origin, and array axis i
    runs along world axis i. A two-dimensional image is one slice lying exactly in the plane of its lines (z =
    0), so no line can miss the slice's centre.

    Attributes
    ----------
    lor_start, lor_end : ndarray, (*sinogram_shape, 3), float64
        End points of every line of response [mm].
    image_shape : tuple of int
        (x, y) in 2D, (x, y, z) in 3D.
    voxel_size : tuple of float
        Edge lengths of a voxel [mm], one per image axis.

    Raises
    ------
    InputError
        For end points of differing or wrong shapes, non-finite coordinates, or an impossible grid.
    """

    lor_start: np.ndarray
    lor_end: np.ndarray
    image_shape: tuple[int, ...]
    voxel_size: tuple[float, ...]

    def __post_init__(self) -> None:
        start = np.ascontiguousarray(self.lor_start, dtype=np.float64)
        end = np.ascontiguousarray(self.lor_end, dtype=np.float64)
        if start.shape != end.shape or start.ndim < 2 or start.shape[-1] != 3:
            raise InputError(
                f"end points of lines have shapes {start.shape} and {end.shape}: give both as (..., 3) in mm"
            )
        if not (np.isfinite(start).all() and np.isfinite(end).all()):
            raise InputError("some end points of the lines are not finite: remove NaN and infinite coordinates")
        shape, size = checked_grid(self.image_shape, self.voxel_size)
        for name, value in (
            ("lor_start", start),
            ("lor_end", end),
            ("image_shape", shape),
            ("voxel_size", size),
        ):
            object.__setattr__(self, name, value)

    @property
    def dims(self) -> int:
        """Number of image axes, 2 or 3."""
        return len(self.image_shape)

    @property
    def sinogram_shape(self) -> tuple[int, ...]:
        """Shape of the sinogram: (radial, views) in 2D, (radial, views, planes) in 3D."""
        return self.lor_start.shape[:-1]

    @property
    def lines(self) -> int:
        """Number of lines."""
        return math.prod(self.sinogram_shape)

    @property
    def in_plane(self) -> bool:
        """Whether all lines lie in the plane z = 0."""
        return not self.lor_start[..., 2].any() and not self.lor_end[..., 2].any()

    @property
    def block(self) -> int:
        """Number of lines to hand out at once."""
        return self.lines

    def ends(self, lines: np.ndarray | slice) -> Lines:
        """Return start and end points of some lines of the flat sinogram, two arrays (lines, 3) [mm]."""
        return self.lor_start.reshape(-1, 3)[lines], self.lor_end.reshape(-1, 3)[lines]

    @property
    def image_origin(self) -> tuple[float, ...]:
        """World position of the centre of the first voxel [mm]; the grid is centred on 0."""
        return tuple(-(n - 1) / 2 * s for n, s in zip(self.image_shape, self.voxel_size, strict=True))

    @property
    def box(self) -> tuple[tuple[int, int, int], tuple[float, float, float]]:
        """The grid in 3D: shape and voxel size [mm]; a 2D image is one slice, as thick as wide."""
        shape, size = self.image_shape, self.voxel_size
        if self.dims == 2:
            return (shape[0], shape[1], 1), (size[0], size[1], size[0])
        return (shape[0], shape[1], shape[2]), (size[0], size[1], size[2])

    @property
    def views(self) -> int:
        """Number of views (second axis of the sinogram)."""
        return self.sinogram_shape[1]

    def subset(self, views: np.ndarray | list[int] | slice) -> Geometry:
        """Return the geometry of some views only (indices into the second axis of the sinogram)."""
        if len(self.sinogram_shape) < 2:
            raise InputError("these lines are a plain list, without views: subsets need a (radial, views) sinogram")
        return Geometry(self.lor_start[:, views], self.lor_end[:, views], self.image_shape, self.voxel_size)

    def subsets(self, n: int) -> list[Geometry]:
        """Split into `n` geometries of interleaved views, all of the same size.

        Raises
        ------
        InputError
            If `n` does not divide the number of views; the message names the nearest number that does.
        """
        check_subsets(n, self.views if len(self.sinogram_shape) > 1 else 0)
        return [self.subset(slice(i, None, n)) for i in range(n)]

    def _normals(self) -> tuple[np.ndarray, np.ndarray]:
        """Transaxial unit normals of the lines, turned so that radial positions grow with their index."""
        d = self.lor_end[..., :2] - self.lor_start[..., :2]
        d = d / np.linalg.norm(d, axis=-1, keepdims=True)
        return d[..., 1], -d[..., 0]

    def radial_positions(self) -> np.ndarray:
        """Signed transaxial distance of each line from the scanner's axis [mm], shape `sinogram_shape`."""
        nx, ny = self._normals()
        return self.lor_start[..., 0] * nx + self.lor_start[..., 1] * ny

    def view_angles(self) -> np.ndarray:
        """Angle of each view [rad], ascending: its central line is x cos(angle) + y sin(angle) = 0."""
        nx, ny = self._normals()
        middle = self.sinogram_shape[0] // 2
        nx, ny = nx[middle], ny[middle]
        if nx.ndim > 1:
            nx, ny = nx[..., 0], ny[..., 0]
        return np.unwrap(np.arctan2(ny, nx))

    def field_of_view_mask(self) -> torch.Tensor:
        """Return True for voxels inside the disc (or cylinder) that every view sees, (*image_shape), bool."""
        radius = min(n * s / 2 for n, s in zip(self.image_shape[:2], self.voxel_size[:2], strict=True))
        if len(self.sinogram_shape) > 1:
            reach = np.abs(self.radial_positions()).max(axis=0)
            radius = min(radius, float(reach.min()))
        x, y = (
            o + s * np.arange(n)
            for o, s, n in zip(self.image_origin[:2], self.voxel_size[:2], self.image_shape[:2], strict=True)
        )
        disc = torch.from_numpy(np.hypot(x[:, None], y[None, :]) <= radius)
        return disc if self.dims == 2 else disc[..., None].expand(self.image_shape).clone()

    def same_as(self, other: Geometry) -> bool:
        """Return whether `other` has the same image grid and the same lines, in the same order."""
        return self._same_grid(other) and self.sinogram_shape == other.sinogram_shape and self._same_lines(other)

    def _same_grid(self, other: Geometry) -> bool:
        return self.image_shape == other.image_shape and np.allclose(self.voxel_size, other.voxel_size, 1e-6, 0.0)

    def _same_lines(self, other: Geometry) -> bool:
        return all(
            np.array_equal(own, others)
            for some in range(0, self.lines, 2**20)
            for own, others in zip(
                self.ends(slice(some, some + 2**20)), other.ends(slice(some, some + 2**20)), strict=True
            )
        )

    def fingerprint(self) -> str:
        """Return the SHA-256 of the end points and the grid: equal geometries have equal fingerprints."""
        digest = hashlib.sha256(repr((self.image_shape, self.voxel_size, self.sinogram_shape)).encode())
        digest.update(self.lor_start.tobytes())
        digest.update(self.lor_end.tobytes())
        return digest.hexdigest()


def checked_grid(
    image_shape: tuple[int, ...], voxel_size: tuple[float, ...]
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return an image grid as whole numbers and mm; refuse one that is impossible."""
    shape, size = tuple(int(n) for n in image_shape), tuple(float(s) for s in voxel_size)
    if len(shape) not in (2, 3) or len(size) != len(shape):
        raise InputError(f"image_shape {shape} and voxel_size {size} must both have 2 values (x, y) or 3 (x, y, z)")
    if min(shape) < 1 or not (np.isfinite(size).all() and min(size) > 0):
        raise InputError(f"image_shape {shape} and voxel_size {size} mm must be positive and finite")
    return shape, size


def check_subsets(n: int, views: int) -> None:
    """Refuse a number of subsets that does not divide the number of views, naming the nearest that does."""
    if isinstance(n, bool) or not isinstance(n, int):
        raise InputError(f"the number of subsets is {n!r}: give a whole number")
    if n < 1 or views < 1 or views % n:
        valid = [k for k in range(1, views + 1) if views % k == 0]
        near = min(valid, key=lambda k: abs(k - n), default=1)
        raise InputError(f"{views} views cannot be split into {n} equal subsets: try {near} (or one of {valid})")
