r"""Majorisation of the penalised likelihood: the pieces that MLEM, MAP-EM, DDIP and DEQ share.

The negative log-likelihood lies below its EM surrogate in :math:`u = x + z`, where z is a uniform activity
that the background can explain, and a penalty lies below a separable quadratic with gradient g and curvature
d. Up to a constant, and per voxel, their sum is

.. math:: s\,u - u^k e \log u + g\,u + \tfrac{d}{2} (u - u^k)^2, \qquad e = A^T \frac{y}{\bar y},

and its minimum is the root :math:`u \ge 0` of :math:`d u^2 + (s + g - d u^k) u - u^k e = 0` (De Pierro 1995;
Fessler and Hero 1995 for the shift).
"""

from __future__ import annotations

import torch
from torch import Tensor

from petrecon.errors import InputError
from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct.likelihood import em_ratio


def positive_root(d: Tensor, p: Tensor, q: Tensor) -> Tensor:
    r"""Return the root u >= 0 of d u² + p u - q = 0, without cancellation.

    With :math:`r = |p| + \sqrt{p^2 + 4 d q}` it is :math:`2q/r` where p >= 0 and :math:`r/2d` elsewhere: each
    form adds numbers of one sign, so that float32 keeps its digits. d = 0 gives q / p.
    Value and derivatives are finite everywhere that the root is, p = q = 0 included.

    Parameters
    ----------
    d, p, q : Tensor
        Of shapes that broadcast; d >= 0 and q >= 0, and d > 0 where p < 0.

    Returns
    -------
    Tensor
        Of the common shape, float32 or float64 as the arguments.

    Notes
    -----
    Source: Press et al., Numerical Recipes, section 5.6 (the two forms).
    """
    r = p.abs() + torch.sqrt(p * p + 4 * d * q + torch.finfo(q.dtype).tiny)
    first = (p >= 0).to(q.dtype)  # 1 or 0: `lerp` then selects exactly, faster than `where`
    return torch.lerp(r, 2 * q, first) / torch.lerp(2 * d, r, first)


def surrogate_step(x: Tensor, back: Tensor, slope: Tensor, curvature: Tensor, shift: Tensor) -> Tensor:
    """Return the minimiser over x >= 0 of the EM surrogate plus a separable quadratic, both made at `x`.

    Parameters
    ----------
    x : Tensor, (..., *image_shape)
        Current activity [kBq/mL], >= 0.
    back : Tensor, (..., *image_shape)
        e = Aᵀ(y / ybar) at x: `em_back_projection`.
    slope : Tensor, (..., *image_shape)
        s + g, the sensitivity plus the penalty's gradient at x.
    curvature : Tensor, (..., *image_shape)
        d >= 0, of the penalty's majoriser at x.
    shift : Tensor, broadcastable to x
        z >= 0 [kBq/mL]: `background_shift`, or 0 for De Pierro's plain map.

    Returns
    -------
    Tensor, (..., *image_shape)
        max(0, u - z), differentiable in all arguments.
    """
    u = x + shift
    return (positive_root(curvature, slope - curvature * u, u * back) - shift).clamp_min(0.0)


def em_back_projection(y: Tensor, ybar: Tensor, model: AcquisitionModel) -> Tensor:
    """Return e = Aᵀ(y / ybar), by which EM multiplies the image before it divides by the sensitivity.

    Parameters
    ----------
    y, ybar : Tensor, (..., *sinogram_shape)
        Measured and expected counts.
    model : AcquisitionModel

    Returns
    -------
    Tensor, (..., *image_shape)
        Counts per kBq/mL, as the sensitivity.
    """
    return model.linear.adjoint(em_ratio(y, ybar))


def background_shift(model: AcquisitionModel) -> Tensor:
    """Return the largest uniform activity z that the background alone could explain.

    z = min_m b_m / (A1)_m over the bins that see the image. The EM surrogate in u = x + z touches zero in
    finitely many steps and leaves it again, where the plain one creeps towards it.

    Parameters
    ----------
    model : AcquisitionModel

    Returns
    -------
    Tensor, (..., 1, …, 1)
        kBq/mL, one value per frame where scale or background have frames; 0 where one bin has no background.

    Notes
    -----
    Source: Fessler and Hero 1995 (ML-EM-3).
    """
    dtype, device = model.projector.dtype, model.factors.device
    ones = torch.ones(model.image_shape, dtype=dtype, device=device)
    of_ones = (model.projector if model.resolution is None else model.projector @ model.resolution)(ones)
    factors, background = model.factors.to(dtype), model.background.to(device, dtype)
    sees = (factors > 0) & (of_ones > 0)
    ratio = torch.where(sees, background / torch.where(sees, factors, 1.0) / of_ones.clamp_min(1e-30), torch.inf)
    lowest = ratio.amin(tuple(range(-len(model.sinogram_shape), 0)))
    return torch.where(torch.isfinite(lowest), lowest, 0.0)[(...,) + (None,) * len(model.image_shape)]


def start_image(y: Tensor, model: AcquisitionModel, x0: Tensor | None = None) -> Tensor:
    """Return `x0`, checked, or a flat positive image that explains as many counts as were measured above background.

    Parameters
    ----------
    y : Tensor, (..., *sinogram_shape)
        Prompt counts.
    model : AcquisitionModel
    x0 : Tensor, (..., *image_shape), optional
        In kBq/mL.

    Returns
    -------
    Tensor, (..., *image_shape)
        In kBq/mL, with the leading axes of `y`; voxels that no line sees are zero.

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
    counts = y.sum(sinogram_dims)
    above = counts - model.background.to(y).sum(sinogram_dims)
    level = torch.maximum(above, 0.01 * counts) / sensitivity.sum(tuple(range(-len(shape), 0)))
    level = torch.where(level > 0, level, torch.ones_like(level))
    flat = torch.ones(*batch, *shape, dtype=y.dtype, device=y.device)
    return torch.where(sensitivity > 0, flat * level[(...,) + (None,) * len(shape)], 0.0)
