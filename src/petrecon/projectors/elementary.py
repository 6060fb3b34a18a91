"""The two operators around the projector: a diagonal and a Gaussian resolution model."""

from __future__ import annotations

import math

import torch

from petrecon.errors import InputError
from petrecon.projectors.operator import LinearOperator

_TAIL = 1e-20


class Diagonal(LinearOperator):
    r"""Multiplication by fixed values: :math:`y = d \odot x`.

    Parameters
    ----------
    values : tensor
        Broadcastable to ``(..., *in_shape)``. It may have leading axes (one diagonal per frame or subject);
        the operator then needs inputs with leading axes that these broadcast into.
    in_shape : tuple of int
        Trailing shape of input and output.

    Raises
    ------
    InputError
        If the values cannot be broadcast, or have leading axes that the input lacks.
    """

    def __init__(self, values: torch.Tensor, in_shape: tuple[int, ...]) -> None:
        super().__init__(in_shape, in_shape)
        values = torch.as_tensor(values)
        try:
            shape = torch.broadcast_shapes(values.shape, self.in_shape)
        except RuntimeError:
            shape = torch.Size()
        if tuple(shape[len(shape) - len(self.in_shape) :]) != self.in_shape:
            raise InputError(f"values of shape {tuple(values.shape)} do not broadcast to (..., {self.in_shape})")
        self.values = values
        self.lead = tuple(shape[: len(shape) - len(self.in_shape)])

    def _apply(self, x: torch.Tensor, transposed: bool) -> torch.Tensor:
        lead = tuple(x.shape[: x.ndim - len(self.in_shape)])
        if self.lead:
            try:
                fits = tuple(torch.broadcast_shapes(lead, self.lead)) == lead
            except RuntimeError:
                fits = False
            if not fits:
                raise InputError(
                    f"an input with leading axes {lead} does not fit values with leading axes {self.lead}: "
                    "give one input per value, (..., *leading axes, *shape)"
                )
        return x * self.values.to(dtype=x.dtype, device=x.device)


class GaussianResolution(LinearOperator):
    r"""Gaussian resolution model, :math:`G = K_x \otimes K_y (\otimes K_z)`.

    Each :math:`K` is symmetric Toeplitz, :math:`K_{ij} \propto \exp(-4 \ln 2\,((i - j) h / w)^2)`, with voxel size
    :math:`h` and full width at half maximum :math:`w`, normalised over an unbounded axis: activity near the border
    blurs out of the image. Symmetric matrices make G its own adjoint, exactly, and small matrix products are faster
    than convolutions here.

    Parameters
    ----------
    image_shape : tuple of int
    voxel_size : tuple of float
        [mm]
    fwhm_mm : float or tuple of float
        Full width at half maximum [mm], one for all axes or one per axis; 0 leaves an axis as it is.

    Raises
    ------
    InputError
        For a negative or non-finite width, or sizes that do not match the image's axes.

    Examples
    --------
    A point keeps its total and, seen with a width of two voxels, half its height one voxel away:

    >>> import torch
    >>> from petrecon.projectors import GaussianResolution
    >>> blur = GaussianResolution((21, 21), (2.0, 2.0), 4.0)
    >>> point = torch.zeros(21, 21)
    >>> point[10, 10] = 1.0
    >>> image = blur(point)
    >>> round(float(image.sum()), 3), round(float(image[10, 11] / image[10, 10]), 3)
    (1.0, 0.5)
    """

    def __init__(
        self, image_shape: tuple[int, ...], voxel_size: tuple[float, ...], fwhm_mm: float | tuple[float, ...]
    ) -> None:
        super().__init__(image_shape, image_shape)
        widths = (float(fwhm_mm),) * len(image_shape) if isinstance(fwhm_mm, int | float) else tuple(fwhm_mm)
        if not len(widths) == len(voxel_size) == len(image_shape):
            raise InputError(f"fwhm_mm {widths} and voxel_size {voxel_size} need one value per axis of {image_shape}")
        if any(not math.isfinite(w) or w < 0 for w in widths):
            raise InputError(f"fwhm_mm {widths} must be finite and not negative")
        self.fwhm_mm = widths
        self.voxel_size = tuple(float(h) for h in voxel_size)
        self._matrices = [_toeplitz(n, w / h) for n, h, w in zip(image_shape, voxel_size, widths, strict=True)]

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        for axis, matrix in enumerate(self._matrices, start=1):
            if matrix is not None:
                kernel = matrix.to(dtype=x.dtype, device=x.device)
                x = x @ kernel if axis == x.ndim - 1 else (x.movedim(axis, -1) @ kernel).movedim(-1, axis)
        return x

    def _adjoint(self, y: torch.Tensor) -> torch.Tensor:
        return self._forward(y)


def _toeplitz(n: int, width: float) -> torch.Tensor | None:
    """Return the (n, n) blur matrix for a width in voxels, or None where there is nothing to blur."""
    if n == 1 or width == 0:
        return None
    reach = torch.arange(-math.ceil(4 * width) - 1, math.ceil(4 * width) + 2, dtype=torch.float64)
    total = torch.exp2(-4 * (reach / width) ** 2).sum()
    offset = torch.arange(n, dtype=torch.float64)
    kernel = torch.exp2(-4 * ((offset[:, None] - offset[None, :]) / width) ** 2) / total
    # far tails would be denormal in float32, where one product can cost a hundred: they are zero
    return torch.where(kernel < _TAIL, 0.0, kernel)
