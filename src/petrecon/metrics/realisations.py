"""Bias and standard deviation over noise realisations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import InputError
from petrecon.metrics.arrays import Image, as_array


def bias_and_sd(images: Image, reference: Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Voxelwise bias (mean over realisations - reference) and standard deviation (n - 1), in the unit of the images.

    Parameters
    ----------
    images : shape (realisations, *shape)
    reference : shape (*shape)

    Raises
    ------
    InputError
        With fewer than two realisations, or shapes that do not match.
    """
    x, r = as_array(images), as_array(reference, "reference")
    if x.shape[1:] != r.shape:
        raise InputError(f"realisations {x.shape} and reference {r.shape} do not match: give (realisations, *shape)")
    if len(x) < 2:
        raise InputError("a standard deviation over realisations needs at least two of them")
    return x.mean(0) - r, x.std(0, ddof=1)
