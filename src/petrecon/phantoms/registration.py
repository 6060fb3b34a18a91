r"""Registration of label maps by the centroids of the regions they share.

With matched centroids :math:`p_i` (one brain) and :math:`q_i` (another), the rigid pose is the orthogonal
Procrustes solution :math:`\min_{R,t} \sum_i w_i \|R p_i + t - q_i\|^2` (Kabsch, Acta
Cryst. A32:922, 1976; Arun et al., IEEE TPAMI 9:698, 1987), and the affine map is the same sum minimised over
all matrices. What the affine map leaves is carried by a smoothed thin-plate spline. Labels have names, so no
intensity, similarity measure or optimiser is needed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def centroids(labels: NDArray[np.integer], affine: Array) -> dict[int, tuple[Array, int]]:
    """Return, per label, the centroid in world coordinates (mm) and the number of voxels.

    Parameters
    ----------
    labels : (X, Y, Z) integer array
        Label map; 0 is left out.
    affine : (4, 4) array
        Voxel index → world (mm).
    """
    inside = np.argwhere(labels > 0)
    values = labels[labels > 0]
    counts = np.bincount(values)
    means = np.stack([np.bincount(values, weights=inside[:, d]) for d in range(3)], axis=1)
    found = np.flatnonzero(counts)
    world = means[found] / counts[found, None] @ affine[:3, :3].T + affine[:3, 3]
    return {int(n): (world[i], int(counts[n])) for i, n in enumerate(found)}


def rigid(source: Array, target: Array, weights: Array | None = None) -> Array:
    """Return the (4, 4) rigid map that best carries `source` points (n, 3) onto `target` points (n, 3).

    A reflection is never returned; points that fit better when mirrored mean that left and right are swapped.

    Raises
    ------
    ValueError
        If the mirrored points fit better.
    """
    w = np.ones(len(source)) if weights is None else np.asarray(weights, dtype=np.float64)
    w = w / w.sum()
    mean_s, mean_t = w @ source, w @ target
    u, _, vt = np.linalg.svd((target - mean_t).T @ np.diag(w) @ (source - mean_s))
    if np.linalg.det(u @ vt) < 0:
        raise ValueError("left and right are swapped between the two brains")
    out = np.eye(4)
    out[:3, :3] = u @ vt
    out[:3, 3] = mean_t - out[:3, :3] @ mean_s
    return out


def affine_fit(source: Array, target: Array, weights: Array | None = None) -> Array:
    """Return the (4, 4) affine map that best carries `source` points (n, 3) onto `target` points (n, 3)."""
    w = np.ones(len(source)) if weights is None else np.asarray(weights, dtype=np.float64)
    root = np.sqrt(w)[:, None]
    rows = np.hstack([source, np.ones((len(source), 1))])
    solution = np.linalg.lstsq(rows * root, target * root, rcond=None)[0]
    out = np.eye(4)
    out[:3] = solution.T
    return out


def apply_affine(affine: Array, points: Array) -> Array:
    """Apply a (4, 4) affine map to points (..., 3)."""
    return points @ affine[:3, :3].T + affine[:3, 3]


def smooth_displacement(
    points: Array, residuals: Array, origin: Array, shape: tuple[int, ...], spacing: float = 8.0
) -> Array:
    """Interpolate scattered displacements on a coarse grid, by a smoothed thin-plate spline.

    Parameters
    ----------
    points, residuals : (n, 3) arrays
        Where the residuals are known, and the residuals, both in mm.
    origin : (3,) array
        World position of the grid's first node, mm.
    shape : tuple of int
        Number of nodes along each axis.
    spacing : float
        Distance between nodes, mm.

    Returns
    -------
    (*shape, 3) array
        Displacement in mm.
    """
    from scipy.interpolate import RBFInterpolator

    axes = [origin[d] + spacing * np.arange(shape[d]) for d in range(3)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    spline = RBFInterpolator(points, residuals, kernel="thin_plate_spline", smoothing=20.0)
    return np.asarray(spline(nodes)).reshape(*shape, 3)
