"""Contrast recovery and background noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import InputError
from petrecon.metrics.arrays import Image, as_array


def _over(image: Image, mask: Image, name: str) -> NDArray[np.float64]:
    inside = as_array(mask, f"{name} mask").astype(bool)
    if not inside.any():
        raise InputError(f"the {name} mask is empty")
    x = as_array(image)
    return x.reshape(*x.shape[: x.ndim - inside.ndim], -1)[..., inside.ravel()]


def crc(image: Image, reference: Image, roi: Image, background: Image) -> NDArray[np.float64]:
    """Contrast recovery coefficient, (x_roi / x_bg - 1) / (r_roi / r_bg - 1) with means over the masks; dimensionless.

    1 is full recovery; the reference gives the true contrast (below 1 for a cold region works as well).

    Parameters
    ----------
    image : shape (..., *shape)
    reference : shape (*shape)
    roi, background : boolean masks, shape (*shape)

    Raises
    ------
    InputError
        If a mask is empty or the reference has no contrast between them.
    """
    true = _over(reference, roi, "ROI").mean(-1) / _over(reference, background, "background").mean(-1) - 1
    if abs(float(true)) < 1e-6:
        raise InputError("the reference has no contrast between ROI and background: CRC is undefined")
    measured = _over(image, roi, "ROI").mean(-1) / _over(image, background, "background").mean(-1) - 1
    return np.asarray(measured / true)


def background_sd(image: Image, background: Image) -> NDArray[np.float64]:
    """Spatial standard deviation over the background mask / its mean; dimensionless. `image` is (..., *shape)."""
    values = _over(image, background, "background")
    return np.asarray(values.std(-1, ddof=1) / values.mean(-1))
