"""Structural similarity."""

from __future__ import annotations

from petrecon.errors import InputError
from petrecon.metrics.arrays import Image, pair
from petrecon.metrics.errors import _span


def ssim(image: Image, reference: Image, data_range: str | float = "range", window: str = "gaussian") -> float:
    """Structural similarity (mean over the image), dimensionless, at most 1.

    K1 = 0.01, K2 = 0.03. Source: Wang et al. 2004.

    Parameters
    ----------
    image, reference : shape (*shape)
        Two or three axes.
    data_range : str or float
        As in `psnr`.
    window : str
        'gaussian': sigma 1.5 voxels as in the source, population covariance; 'uniform': 7 voxels wide, sample
        covariance, the default of scikit-image.

    Raises
    ------
    InputError
        If an axis is shorter than the window, or the window is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.add.outer(np.arange(12.0), np.arange(12.0))
    >>> ssim(image, image)
    1.0
    """
    from skimage.metrics import structural_similarity

    x, r = pair(image, reference)
    if window not in ("gaussian", "uniform"):
        raise InputError(f"the window of SSIM is 'gaussian' or 'uniform', got {window!r}")
    width = 11 if window == "gaussian" else 7
    if min(x.shape) < width:
        raise InputError(f"SSIM with a {window} window needs at least {width} voxels along every axis, got {x.shape}")
    span = _span(reference, data_range)
    if window == "gaussian":
        value = structural_similarity(
            x, r, data_range=span, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    else:
        value = structural_similarity(x, r, data_range=span, win_size=width)
    return float(value)
