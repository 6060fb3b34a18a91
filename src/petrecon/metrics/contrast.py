"""Contrast recovery and background noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import InputError
from petrecon.metrics.arrays import Image, as_array, inside


def _over(image: Image, mask: Image, name: str) -> NDArray[np.float64]:
    x, ndim = as_array(image), as_array(mask, f"{name} mask").ndim
    where = inside(mask, x.shape[max(0, x.ndim - ndim) :], f"{name} mask")
    return x.reshape(*x.shape[: x.ndim - ndim], -1)[..., where.ravel()]


def _contrast(image: Image, roi: Image, background: Image, name: str) -> NDArray[np.float64]:
    level = _over(image, background, "background").mean(-1)
    if not (level > 0).all():
        raise InputError(f"the {name} has no activity in the background mask: its contrast is undefined")
    return np.asarray(_over(image, roi, "ROI").mean(-1) / level - 1)


def crc(image: Image, reference: Image, roi: Image, background: Image) -> NDArray[np.float64]:
    """Contrast recovery coefficient, (x_roi / x_bg - 1) / (r_roi / r_bg - 1) with means over the masks; dimensionless.

    1 is full recovery; the reference gives the true contrast (below 1 for a cold region works as well).

    Parameters
    ----------
    image : shape (..., *shape)
        In any unit, the same as the reference's.
    reference : shape (*shape)
    roi, background : shape (*shape)
        Boolean masks.

    Returns
    -------
    array, shape (...)

    Raises
    ------
    InputError
        If a mask is empty, of another shape or no mask, if there is no activity in the background, or if the
        reference has no contrast between them.

    Examples
    --------
    >>> truth = [4.0, 4.0, 1.0, 1.0]
    >>> float(crc([2.5, 2.5, 1.0, 1.0], truth, roi=[1, 1, 0, 0], background=[0, 0, 1, 1]))
    0.5
    """
    true = _contrast(reference, roi, background, "reference")
    if abs(float(true)) < 1e-6:
        raise InputError("the reference has no contrast between ROI and background: CRC is undefined")
    return np.asarray(_contrast(image, roi, background, "image") / true)


def background_sd(image: Image, background: Image) -> NDArray[np.float64]:
    """Spatial standard deviation over the background mask / its mean; dimensionless.

    Parameters
    ----------
    image : shape (..., *shape)
    background : shape (*shape)
        Boolean mask.

    Returns
    -------
    array, shape (...)

    Raises
    ------
    InputError
        With fewer than two voxels in the mask, or no activity there.
    """
    values = _over(image, background, "background")
    if values.shape[-1] < 2 or not (values.mean(-1) > 0).all():
        raise InputError("the noise of a background needs at least two voxels in its mask, and activity there")
    return np.asarray(values.std(-1, ddof=1) / values.mean(-1))
