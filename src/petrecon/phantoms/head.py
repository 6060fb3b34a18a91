"""Complete a labelled cortex into a head: white matter, sulcal fluid, ventricles, skull and scalp."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from petrecon.phantoms.regions import (
    BRAIN_TISSUES,
    CSF,
    SCALP,
    SKULL,
    labels_of,
)

FLUID_MM, SKULL_MM, SCALP_MM = 2.0, 6.0, 6.0
"""Thickness of the fluid around the brain, skull and scalp, mm (adult means, rounded; this project)."""

LOWER = labels_of(("cerebellum-grey", "cerebellum-white", "brainstem"))

Labels = NDArray[np.int16]
Mask = NDArray[np.bool_]


def ball_closing(mask: Mask, radius_mm: float) -> Mask:
    """Close a mask (1 mm voxels) with a ball, on a 2 mm grid: dilate and erode by distance."""
    from scipy import ndimage

    coarse = halve(mask)
    grown = ndimage.distance_transform_edt(~coarse) <= radius_mm / 2
    closed: Mask = np.asarray(ndimage.distance_transform_edt(grown) > radius_mm / 2)
    out: Mask = double(np.logical_or(closed, coarse), mask.shape) | mask
    return out


def halve(mask: Mask) -> Mask:
    """Return a mask on a grid of twice the voxel size: true where any of the eight voxels is."""
    even = np.pad(mask, [(0, n % 2) for n in mask.shape])
    x, y, z = even.shape
    return np.asarray(even.reshape(x // 2, 2, y // 2, 2, z // 2, 2).any(axis=(1, 3, 5)), dtype=np.bool_)


def double(mask: Mask, shape: tuple[int, ...]) -> Mask:
    """Return a mask of `halve` on the grid of `shape` it came from."""
    for axis in range(3):
        mask = np.repeat(mask, 2, axis=axis)
    return mask[: shape[0], : shape[1], : shape[2]]


def fill_brain(own: Labels, carried: Labels, midline: int) -> Labels:
    """Label what an individual's grey-matter labels leave open, with the help of an atlas.

    Unlabelled voxels take the label of the geodesically nearest marker, on paths that may not cross the
    individual's own labels: so white matter fills the gyri from inside and fluid fills the sulci from
    outside. Markers are the atlas' deep white matter, ventricles, cerebellum and brainstem; its fluid in the
    interhemispheric fissure; and all that lies outside the individual's hull.

    Parameters
    ----------
    own : (X, Y, Z) int16, 1 mm voxels
        Grey matter and deep nuclei of the individual; 0 elsewhere.
    carried : (X, Y, Z) int16
        DK+aseg labels carried into the same grid.
    midline : int
        Index along x of the plane between the hemispheres.

    Returns
    -------
    (X, Y, Z) int16
        `own`, completed; fluid outside the brain is still 0.
    """
    from scipy import ndimage
    from skimage.segmentation import watershed

    free = own == 0
    lower = np.isin(carried, LOWER)
    white = np.isin(carried, [*labels_of(("white",)), 28, 60])
    ventricles = np.isin(carried, (4, 5, 14, 15, 43, 44))
    hull = ndimage.binary_fill_holes(ball_closing((own > 0) | (lower & free), 8.0))
    deep_white = white & hull & (ndimage.distance_transform_edt(white) > 2.5)
    fissure = np.zeros(own.shape, dtype=bool)
    fissure[midline - 4 : midline + 5] = np.isin(carried[midline - 4 : midline + 5], (0, CSF))
    markers = np.zeros(own.shape, dtype=np.int32)
    markers[deep_white] = carried[deep_white]
    markers[ventricles] = carried[ventricles]
    markers[lower] = carried[lower]
    markers[fissure] = CSF
    markers[~hull] = CSF
    markers[~free] = 0
    filled = watershed(np.zeros(own.shape, dtype=np.uint8), markers, mask=free)
    filled[np.isin(filled, LOWER) & ~lower] = CSF
    brain = np.where(free, filled, own).astype(np.int16)
    brain[~hull] = 0
    return brain


def add_shells(brain: Labels, hull: Mask | None = None) -> Labels:
    """Wrap a brain (1 mm voxels, 0 outside) in fluid, skull and scalp, by distance from its hull.

    The array must leave at least `FLUID_MM` + `SKULL_MM` + `SCALP_MM` + 1 voxels around the hull. Inside it, what is
    not labelled becomes fluid; skull and scalp lie outside.

    Parameters
    ----------
    brain : (X, Y, Z) int16
    hull : (X, Y, Z) bool, optional
        By default the outline of the brain's tissues, closed with a ball of 12 mm.
    """
    from scipy import ndimage

    hull = ball_closing(np.isin(brain, labels_of(BRAIN_TISSUES)), 12.0) if hull is None else hull
    distance = 2.0 * ndimage.distance_transform_edt(~halve(hull))
    distance = ndimage.gaussian_filter(distance, 0.75)
    distance = ndimage.affine_transform(
        distance, np.full(3, 0.5), -0.25, output_shape=brain.shape, order=1, mode="nearest"
    )
    head = brain.copy()
    outside = head == 0
    head[outside & (distance <= FLUID_MM + SKULL_MM + SCALP_MM)] = SCALP
    head[outside & (distance <= FLUID_MM + SKULL_MM)] = SKULL
    head[outside & (distance <= FLUID_MM)] = CSF
    head[outside & hull] = CSF
    return head


def convex_hull(mask: Mask) -> Mask:
    """Return the smallest convex body around a mask (1 mm voxels), column by column along z.

    A mask that is flat or a single point is its own hull.
    """
    from scipy.spatial import ConvexHull, QhullError

    columns = mask.any(axis=2)
    x, y = np.nonzero(columns)
    first, last = mask.argmax(axis=2)[columns], mask.shape[2] - 1 - mask[:, :, ::-1].argmax(axis=2)[columns]
    points = np.stack([np.tile(x, 2), np.tile(y, 2), np.concatenate([first, last])], axis=1).astype(np.float64)
    try:
        planes = np.unique(np.round(ConvexHull(points).equations, 9), axis=0)
    except QhullError:
        return mask.copy()
    i, j = (g.astype(np.float64) for g in np.ogrid[: mask.shape[0], : mask.shape[1]])
    low, high = np.full(mask.shape[:2], -np.inf), np.full(mask.shape[:2], np.inf)
    for a, b, c, d in planes:  # inside is where a x + b y + c z + d <= 0
        rest = a * i + b * j + d
        if abs(c) < 1e-9:
            high[rest > 1e-6] = -np.inf
        elif c > 0:
            np.minimum(high, -rest / c, out=high)
        else:
            np.maximum(low, -rest / c, out=low)
    k = np.arange(mask.shape[2])
    inside: Mask = (k >= low[:, :, None] - 1e-6) & (k <= high[:, :, None] + 1e-6)
    return inside | mask


def enclosed(mask: Mask) -> Mask:
    """Return what a mask (1 mm voxels) encloses in two of three planes, gaps of 4 mm closed, without a rind of 3 mm.

    It is found on a 2 mm grid.
    """
    from scipy import ndimage

    closed = halve(ball_closing(mask, 2.0))
    votes = np.zeros(closed.shape, dtype=np.uint8)
    for axis in range(3):
        for k in range(closed.shape[axis]):
            plane = (slice(None),) * axis + (k,)
            votes[plane] += ndimage.binary_fill_holes(closed[plane])
    deep = np.asarray(2.0 * ndimage.distance_transform_edt(votes >= 2) > 3.0, dtype=np.bool_)
    return double(deep, mask.shape) & ~mask


def crop(labels: Any, margin: int = 2) -> tuple[Any, tuple[int, int, int]]:
    """Crop to the labels and leave `margin` empty voxels around; also return the index of the new corner."""
    from scipy import ndimage

    box = ndimage.find_objects((labels > 0).astype(np.uint8))[0]
    first = tuple(s.start - margin for s in box)
    padded = np.pad(labels[box], margin)
    return padded, (first[0], first[1], first[2])
