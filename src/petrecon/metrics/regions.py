"""Means over regions of interest."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import InputError
from petrecon.metrics.arrays import Image, as_array

MOST_LABELS = 1000
"""The finest parcellations of a head have some hundred regions."""


def roi_means(image: Image, labels: Image, regions: Iterable[int] | None = None) -> dict[int, NDArray[np.float64]]:
    """Mean of the image over each labelled region, in the unit of the image.

    Parameters
    ----------
    image : shape (..., *labels.shape)
    labels : integer label map
    regions : labels to use; all positive ones by default.

    Returns
    -------
    dict
        label -> mean, of shape (...) (a 0-d array for a single image).

    Raises
    ------
    InputError
        If shapes do not match, the labels are no label map, or a named region is empty.
    """
    x = as_array(image)
    values = as_array(labels, "label map")
    region = values.astype(int)
    if (region != values).any() or np.unique(region).size > MOST_LABELS:
        raise InputError(
            f"the label map holds fractions or more than {MOST_LABELS} different numbers: it looks like an activity "
            "image; give the label map second, roi_means(image, labels)"
        )
    if x.ndim < region.ndim or x.shape[x.ndim - region.ndim :] != region.shape:
        raise InputError(f"image {x.shape} does not end in the label map's shape {region.shape}")
    flat = x.reshape(*x.shape[: x.ndim - region.ndim], -1)
    wanted = [int(v) for v in np.unique(region) if v > 0] if regions is None else [int(v) for v in regions]
    means = {}
    for label in wanted:
        inside = (region == label).ravel()
        if not inside.any():
            raise InputError(f"region {label} has no voxel on this grid: choose another slice or a finer grid")
        means[label] = flat[..., inside].mean(axis=-1)
    return means
