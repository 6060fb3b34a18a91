"""The conventions of the papers, where they differ from ours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import InputError
from petrecon.metrics.arrays import Image, as_array
from petrecon.metrics.errors import nrmse, psnr
from petrecon.metrics.ssim import ssim


def unit_range(image: Image) -> NDArray[np.float64]:
    """Map an image to [0, 1] by its own minimum and maximum.

    Parameters
    ----------
    image : shape (*shape)

    Returns
    -------
    array, shape (*shape), float64

    Raises
    ------
    InputError
        For a constant image.
    """
    x = as_array(image)
    low, high = x.min(), x.max()
    if not high > low:
        raise InputError("a constant image has no range to scale by")
    return np.asarray((x - low) / (high - low))


def petite_scores(image: Image, reference: Image, *, scale_each: bool = True) -> dict[str, float]:
    """PSNR (dB), SSIM and NRMSE as PETITE computes them, over the whole volume with its background.

    Data range 1; SSIM with a uniform window of 7 voxels. Per volume NRMSE = 10^(-PSNR / 20) by definition. Source:
    Kim et al. 2024, released code.

    Parameters
    ----------
    image, reference : shape (X, Y, Z)
    scale_each : bool
        Every volume is first scaled to [0, 1] by its own range, as in the paper; False keeps one shared scale (the
        reference's), under which a global gain error counts.

    Returns
    -------
    dict of float
        ``psnr`` (dB), ``ssim``, ``nrmse``.

    Raises
    ------
    InputError
        For a constant volume, shapes that differ, or an axis of fewer than 7 voxels.
    """
    x, r = as_array(image), as_array(reference, "reference")
    if scale_each:
        x, r = unit_range(x), unit_range(r)
    else:
        low, span = r.min(), r.max() - r.min()
        if not span > 0:
            raise InputError("a constant reference has no range to scale by")
        x, r = (x - low) / span, (r - low) / span
    return {"psnr": psnr(x, r, 1.0), "ssim": ssim(x, r, 1.0, window="uniform"), "nrmse": nrmse(x, r, 1.0)}


def ddip_scores(image: Image, reference: Image) -> dict[str, float]:
    """PSNR (dB) and SSIM as in the DDIP code: data range = max - min of the reference, SSIM with the uniform window.

    Parameters
    ----------
    image, reference : shape (X, Y)
        kBq/mL.

    Returns
    -------
    dict of float
        ``psnr`` (dB), ``ssim``.
    """
    return {"psnr": psnr(image, reference, "range"), "ssim": ssim(image, reference, "range", window="uniform")}
