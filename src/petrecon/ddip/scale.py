"""The scale that brings PET into the range the score network was trained on."""

from __future__ import annotations

import torch
from torch import Tensor

from petrecon.errors import InputError
from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct import gaussian_filter, mlem

SMOOTHING_MM = 6.0
PERCENTILE = 0.99
LEVEL = 0.7  # where the percentile comes to lie: grey matter of FDG is near 0.85, hot regions stay below 1


def scale_of(image: Tensor, voxel_size: tuple[float, ...]) -> Tensor:
    """Return the activity that becomes 1, kBq/mL, one number per image.

    The 99th percentile of the image after a 6 mm Gaussian, over the voxels above a tenth of its maximum, is brought
    to 0.7. The same statistic serves noise-free images in training and a short MLEM at a measurement.

    Parameters
    ----------
    image : (..., X, Y) tensor
        Activity, kBq/mL.
    voxel_size : tuple of float
        mm.

    Raises
    ------
    InputError
        If an image holds no activity.
    """
    smooth = gaussian_filter(image, voxel_size, SMOOTHING_MM)
    scales = []
    for one in smooth.reshape(-1, *image.shape[-2:]):
        inside = one[one > 0.1 * one.max()]
        if not inside.numel() or not torch.isfinite(one).all():
            raise InputError("the image holds no activity: its scale cannot be found")
        scales.append(torch.quantile(inside, PERCENTILE) / LEVEL)
    return torch.stack(scales).reshape(image.shape[:-2])


def measured_scale(y: Tensor, model: AcquisitionModel, iterations: int = 30) -> Tensor:
    """Return the scale from a measurement alone: `scale_of` its MLEM image after 30 iterations, kBq/mL.

    Fewer iterations underestimate small structures, more of them take noise for uptake: at a twentieth to a fifth of
    a brain exam, 30 come within 10 % of the scale of the noise-free image, which the network is trained to forgive.

    Parameters
    ----------
    y : Tensor, (*lead, *sinogram_shape)
        Prompt counts.
    model : AcquisitionModel
    iterations : int
        Of MLEM.

    Returns
    -------
    Tensor, (*lead,)
        kBq/mL.
    """
    return scale_of(mlem(y, model, iterations), model.projector.geometry.voxel_size)
