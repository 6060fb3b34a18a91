"""Global errors of an image against a reference."""

from __future__ import annotations

import math

import numpy as np

from petrecon.errors import InputError
from petrecon.metrics.arrays import Image, as_array, inside, pair


def rmse(image: Image, reference: Image, mask: Image | None = None) -> float:
    """Root of the mean squared error, sqrt(mean (x - r)²), in the unit of the images.

    Parameters
    ----------
    image, reference : shape (*shape)
        Tensors or arrays of one shape.
    mask : shape (*shape), optional
        Booleans, where to look; everywhere when omitted.

    Raises
    ------
    InputError
        If the shapes differ, a value is not finite, or the mask is empty or holds other values than 0 and 1.

    Examples
    --------
    >>> rmse([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 2.0]])
    1.0
    """
    x, r = pair(image, reference)
    if mask is not None:
        where = inside(mask, x.shape)
        x, r = x[where], r[where]
    return float(np.sqrt(np.mean((x - r) ** 2)))


def _span(reference: Image, normaliser: str | float) -> float:
    r = as_array(reference, "reference")
    spans = {"range": lambda: r.max() - r.min(), "max": lambda: r.max(), "mean": lambda: r.mean()}
    if isinstance(normaliser, str):
        if normaliser not in spans:
            raise InputError(f"a normaliser is a number or one of {', '.join(spans)}, got {normaliser!r}")
        value = float(spans[normaliser]())
    else:
        value = float(normaliser)
    if not 0 < value < math.inf:
        raise InputError("the reference has no positive range: it is empty or constant")
    return value


def nrmse(image: Image, reference: Image, normaliser: str | float = "range", mask: Image | None = None) -> float:
    """RMSE / normaliser, dimensionless.

    Parameters
    ----------
    image, reference, mask
        As in `rmse`.
    normaliser : str or float
        'range' (max - min of the reference: the convention of PETITE), 'max', 'mean', or a number.

    Raises
    ------
    InputError
        As `rmse`, for an unknown normaliser, and when it is not above 0.
    """
    return rmse(image, reference, mask) / _span(reference, normaliser)


def psnr(image: Image, reference: Image, data_range: str | float = "range", mask: Image | None = None) -> float:
    """Peak signal-to-noise ratio, 20 log10(data_range / RMSE), in dB; +inf for identical images.

    Parameters
    ----------
    image, reference, mask
        As in `rmse`.
    data_range : str or float
        'range' (max - min of the reference), 'max', or a number.

    Raises
    ------
    InputError
        As `nrmse`.

    Examples
    --------
    >>> psnr([[0.0, 9.0], [5.0, 10.0]], [[0.0, 10.0], [5.0, 10.0]])  # RMSE is a twentieth of the range
    26.020599913279625
    """
    error = nrmse(image, reference, data_range, mask)
    return math.inf if error == 0 else -20 * math.log10(error)
