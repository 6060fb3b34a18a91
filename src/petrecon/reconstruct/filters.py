"""Post-filters of reconstructed images."""

from __future__ import annotations

from torch import Tensor

from petrecon.projectors import GaussianResolution


def gaussian_filter(image: Tensor, voxel_size: tuple[float, ...], fwhm_mm: float) -> Tensor:
    """Smooth with a Gaussian of the given full width at half maximum; zero outside the grid.

    Parameters
    ----------
    image : Tensor, shape (..., *image_shape)
    voxel_size : tuple of float
        In mm, one per image axis.
    fwhm_mm : float
        In mm; 0 returns the image unchanged.

    Returns
    -------
    Tensor, shape (..., *image_shape)

    Examples
    --------
    >>> import torch
    >>> point = torch.zeros(8, 21, 21)
    >>> point[:, 10, 10] = 1.0
    >>> smooth = gaussian_filter(point, (2.0, 2.0), fwhm_mm=8.0)
    >>> smooth.shape, round(float(smooth[0, 10, 8] / smooth[0, 10, 10]), 1)
    (torch.Size([8, 21, 21]), 0.5)
    """
    if fwhm_mm == 0:
        return image
    shape = tuple(image.shape[image.ndim - len(voxel_size) :])
    return GaussianResolution(shape, voxel_size, fwhm_mm)(image)
