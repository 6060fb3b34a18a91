"""Maximum-likelihood expectation maximisation (MLEM)."""

from __future__ import annotations

import torch
from torch import Tensor

from petrecon.errors import InputError
from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct.likelihood import check_counts, em_ratio, finite
from petrecon.reconstruct.progress import Callback, counted


def start_image(y: Tensor, model: AcquisitionModel, x0: Tensor | None) -> Tensor:
    """Return `x0`, checked, or a flat positive image that explains as many counts as were measured above background.

    Shape (..., *image_shape) with the batch dimensions of `y`; voxels that no line sees are zero.

    Raises
    ------
    InputError
        If `x0` has a wrong shape, or a negative or non-finite value.
    """
    shape = tuple(model.linear.in_shape)
    batch = tuple(y.shape[: y.ndim - len(model.linear.out_shape)])
    sensitivity = model.sensitivity()
    if x0 is not None:
        if not isinstance(x0, Tensor) or not x0.is_floating_point():
            raise InputError("the start image must be a floating-point tensor: torch.as_tensor(x0).float()")
        if tuple(x0.shape[-len(shape) :]) != shape:
            raise InputError(f"the start image has shape {tuple(x0.shape)}, the model's image is {shape}")
        if not bool(torch.isfinite(x0).all()) or bool((x0 < 0).any()):
            raise InputError("the start image must be finite and not negative: MLEM keeps signs and zeros")
        return torch.where(sensitivity > 0, x0.expand(*batch, *shape), 0.0).to(y.dtype)
    sinogram_dims = tuple(range(-len(model.linear.out_shape), 0))
    image_dims = tuple(range(-len(shape), 0))
    counts = y.sum(sinogram_dims)
    above = counts - model.background.sum(sinogram_dims)
    level = torch.maximum(above, 0.01 * counts) / sensitivity.sum(image_dims)
    level = torch.where(level > 0, level, torch.ones_like(level))
    flat = torch.ones(*batch, *shape, dtype=y.dtype, device=y.device)
    return torch.where(sensitivity > 0, flat * level[(...,) + (None,) * len(shape)], 0.0)


def em_step(x: Tensor, y: Tensor, model: AcquisitionModel) -> Tensor:
    r"""One EM update, x_j <- x_j / s_j · [Aᵀ (y / (A x + b))]_j with s = Aᵀ1.

    Source: Shepp and Vardi 1982; Lange and Carson 1984. Voxels with s_j = 0 are set to zero.
    """
    sensitivity = model.sensitivity()
    back = model.linear.adjoint(em_ratio(y, model(x)))
    return torch.where(sensitivity > 0, x * back / sensitivity.clamp_min(torch.finfo(x.dtype).tiny), 0.0)


def mlem(
    y: Tensor,
    model: AcquisitionModel,
    iterations: int = 20,
    x0: Tensor | None = None,
    *,
    callback: Callback | None = None,
    progress: bool = False,
) -> Tensor:
    """Reconstruct by MLEM.

    Minimises L(x) = sum ybar - y log ybar over x >= 0 with ybar = A x + b (counts). The likelihood never decreases,
    and without background every iterate explains exactly the measured number of counts: sum(A x) = sum(y).

    Parameters
    ----------
    y : Tensor, shape (..., *sinogram_shape)
        Prompt counts.
    model : AcquisitionModel
        Gives A and the expected background b.
    iterations : int
    x0 : Tensor, shape (..., *image_shape), optional
        Start image in kBq/mL; flat by default.
    callback : callable (iteration, image) -> None, optional
    progress : bool

    Returns
    -------
    Tensor, shape (..., *image_shape)
        Activity in kBq/mL.

    Raises
    ------
    InputError
        On counts or a start image that cannot be used, or a result that is not finite.
    """
    check_counts(y, tuple(model.linear.out_shape))
    x = start_image(y, model, x0)
    for k in counted(iterations, "MLEM", progress):
        x = em_step(x, y, model)
        if callback is not None:
            callback(k, x)
    return finite(x, "MLEM")
