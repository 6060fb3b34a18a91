"""Means over regions of interest."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import InputError
from petrecon.metrics.arrays import Image, as_array


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
        If shapes do not match, or a named region is empty.
    """
    x = as_array(image)
    region = as_array(labels, "label map").astype(int)
    if x.shape[x.ndim - region.ndim :] != region.shape:
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
