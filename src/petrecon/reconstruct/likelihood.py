"""The Poisson likelihood of emission counts, exact where counts or expectations are zero."""

from __future__ import annotations

import torch
from torch import Tensor

from petrecon.errors import InputError


def check_sinogram(y: Tensor, sinogram_shape: tuple[int, ...]) -> None:
    """Refuse what cannot be measured values of a given sinogram.

    Parameters
    ----------
    y : Tensor, shape (..., *sinogram_shape)
    sinogram_shape : tuple of int

    Raises
    ------
    InputError
        On what is no tensor of real floating-point numbers, a wrong shape, or a value that is not finite.
    """
    if not isinstance(y, Tensor):
        raise InputError(f"the counts are a {type(y).__name__}: give a torch tensor (torch.as_tensor)")
    if y.dtype == torch.bool:
        raise InputError("the counts are only true and false: give the number of counts in each bin, not a mask")
    if y.is_complex():
        raise InputError("the counts are complex: give real numbers (y.real)")
    if not y.is_floating_point():
        raise InputError(f"the counts are whole numbers of type {y.dtype}: give floating-point ones (y.float())")
    n = len(sinogram_shape)
    if y.ndim < n or tuple(y.shape[y.ndim - n :]) != tuple(sinogram_shape):
        raise InputError(
            f"the counts have shape {tuple(y.shape)} but the geometry's sinogram is {tuple(sinogram_shape)}: "
            "use the geometry these counts were acquired with"
        )
    if not bool(torch.isfinite(y).all()):
        raise InputError("the counts hold values that are not finite: mask or repair those bins first")


def check_counts(y: Tensor, sinogram_shape: tuple[int, ...]) -> None:
    """Refuse counts that cannot be Poisson data of a given sinogram.

    Parameters
    ----------
    y : Tensor, shape (..., *sinogram_shape)
        Counts; whole numbers are not demanded (frames may be averaged), negative or non-finite ones are refused.
    sinogram_shape : tuple of int

    Raises
    ------
    InputError
        As `check_sinogram`, and on a negative count.
    """
    check_sinogram(y, sinogram_shape)
    if bool((y < 0).any()):
        raise InputError(
            "the counts hold negative values: give prompts (trues + scatter + randoms) and the expected "
            "background separately, not prompts from which randoms were subtracted"
        )


def finite(image: Tensor, algorithm: str) -> Tensor:
    """Return a reconstruction; refuse one that is not finite, as numbers beyond the precision make it.

    Parameters
    ----------
    image : Tensor, (..., *image_shape)
    algorithm : str
        Its name, for the message.

    Raises
    ------
    InputError
        With what to change.
    """
    if not bool(torch.isfinite(image).all()):
        raise InputError(
            f"{algorithm} ended in values that are not finite: counts, scale or strength are beyond {image.dtype}; "
            "check their units, or work in float64 (model.to(torch.float64), y.double())"
        )
    return image


def poisson_nll(y: Tensor, ybar: Tensor, dims: int) -> Tensor:
    """Negative Poisson log-likelihood, without the constant log(y!).

    L(ybar) = sum_m ybar_m - y_m log(ybar_m), with 0 log 0 = 0; a count where none is expected gives +inf.
    Nothing is added to ybar to avoid the logarithm of zero: the likelihood is exact.

    Parameters
    ----------
    y, ybar : Tensor, shape (..., *sinogram_shape)
        Measured and expected counts.
    dims : int
        Number of trailing sinogram dimensions, summed over.

    Returns
    -------
    Tensor, shape (...), float64

    Examples
    --------
    >>> import torch
    >>> counts = torch.tensor([2.0, 0.0])
    >>> float(poisson_nll(counts, torch.tensor([1.0, 3.0]), dims=1))
    4.0
    >>> poisson_nll(torch.ones(8, 52, 56), torch.ones(8, 52, 56), dims=2).shape
    torch.Size([8])
    """
    expected = ybar.double()
    terms = expected - torch.xlogy(y.double(), expected)
    return terms.sum(dim=tuple(range(-dims, 0)))


def em_ratio(y: Tensor, ybar: Tensor) -> Tensor:
    """Return y / ybar, and 0 where nothing is expected.

    Where ybar_m = 0 every voxel on line m is zero or unseen, so that bin's EM contribution x_j a_mj y_m / ybar_m
    vanishes in the limit.

    Parameters
    ----------
    y, ybar : Tensor, shape (..., *sinogram_shape)
        Measured and expected counts, >= 0.

    Returns
    -------
    Tensor, shape (..., *sinogram_shape)
    """
    return torch.where(ybar > 0, y / torch.where(ybar > 0, ybar, torch.ones_like(ybar)), torch.zeros_like(ybar))
