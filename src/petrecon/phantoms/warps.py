"""A random smooth change of shape, as a map of world coordinates.

The map is a function of position in mm, not of an array: a 2D slice and a 3D volume of the same subject are
cut from the same warped head, at any voxel size. MONAI's elastic transforms act on arrays and cannot promise
that, and importing them takes longer than building a subject.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrecon.phantoms.draws import generator

Array = NDArray[np.float64]

NODE_MM, ELASTIC_SD_MM, HALF_WIDTH_MM = 28.0, 2.5, 168.0
ROTATION_SD, SCALE_SD, SHEAR_SD = 0.035, 0.03, 0.01
"""Standard deviations: 2° about each axis, 3 % along each axis, 1 % shear (heads vary by some 4 %)."""


@dataclass(frozen=True, eq=False)
class Warp:
    r"""The pull-back :math:`x \mapsto c + M (x - c) + u(x - c)`, from subject to anatomy coordinates, mm.

    Attributes
    ----------
    centre : (3,) array
        The fixed point c of the affine part.
    matrix : (3, 3) array
        M, near the identity.
    nodes : (3, n, n, n) array
        Cubic B-spline coefficients of u on a lattice of `NODE_MM` centred on c.
    """

    centre: Array
    matrix: Array
    nodes: Array

    def __call__(self, x: Array, y: Array, z: Array) -> Array:
        """Map three coordinate arrays of one (broadcast) shape; returns (3, *shape), mm."""
        from scipy import ndimage

        points = np.stack(np.broadcast_arrays(x, y, z)) - self.centre.reshape(3, *[1] * np.broadcast(x, y, z).ndim)
        index = points / NODE_MM + (self.nodes.shape[1] - 1) / 2
        out = np.tensordot(self.matrix, points, axes=1)
        for d in range(3):
            if self.nodes[d].any():
                out[d] += ndimage.map_coordinates(self.nodes[d], index, order=3, prefilter=False, mode="nearest")
            out[d] += self.centre[d]
        return out


def random_warp(centre: Array, seed: int) -> Warp:
    """Draw a warp: small rotations, scalings and shears, and a B-spline displacement of `ELASTIC_SD_MM`."""
    rng = generator(seed, "warp")
    n = 2 * int(HALF_WIDTH_MM / NODE_MM) + 1
    skew = np.zeros((3, 3))
    skew[[0, 0, 1], [1, 2, 2]] = np.clip(rng.standard_normal(3), -2, 2) * ROTATION_SD
    shear = np.triu(np.clip(rng.standard_normal((3, 3)), -2, 2), 1) * SHEAR_SD
    scale = np.diag(1 + np.clip(rng.standard_normal(3), -2, 2) * SCALE_SD)
    rotation = _cayley(skew - skew.T)
    nodes = np.clip(rng.standard_normal((3, n, n, n)), -2, 2) * ELASTIC_SD_MM / 0.45
    return Warp(np.asarray(centre, dtype=np.float64), rotation @ scale @ (np.eye(3) + shear), nodes)


def no_warp(centre: Array) -> Warp:
    """Return the identity."""
    return Warp(np.asarray(centre, dtype=np.float64), np.eye(3), np.zeros((3, 2, 2, 2)))


def _cayley(skew: Array) -> Array:
    """Return the rotation (I − S/2)⁻¹(I + S/2) of a skew-symmetric matrix S."""
    return np.asarray(np.linalg.solve(np.eye(3) - skew / 2, np.eye(3) + skew / 2), dtype=np.float64)
