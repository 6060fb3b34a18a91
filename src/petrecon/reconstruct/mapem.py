"""Maximum a posteriori reconstruction by majorisation (MAP-EM)."""

from __future__ import annotations

import torch
from torch import Tensor

from petrecon.errors import InputError
from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct.likelihood import check_counts, finite, poisson_nll
from petrecon.reconstruct.majorise import background_shift, em_back_projection, start_image, surrogate_step
from petrecon.reconstruct.penalty import Penalty
from petrecon.reconstruct.progress import Callback, counted, ends

_ROUNDING = 1e-9


def objective(x: Tensor, y: Tensor, model: AcquisitionModel, penalty: Penalty) -> Tensor:
    """Return L(x) + R(x), what `map_em` minimises.

    Parameters
    ----------
    x : Tensor, (..., *image_shape)
        Activity [kBq/mL].
    y : Tensor, (..., *sinogram_shape)
        Prompt counts.
    model : AcquisitionModel
    penalty : Penalty

    Returns
    -------
    Tensor, (...), float64
        One number per image.
    """
    return poisson_nll(y, model(x), len(model.linear.out_shape)) + penalty.value(x)


def map_em(
    y: Tensor,
    model: AcquisitionModel,
    penalty: Penalty,
    iterations: int = 50,
    x0: Tensor | None = None,
    *,
    callback: Callback | None = None,
    progress: bool = False,
) -> Tensor:
    """Minimise the penalised likelihood L(x) + R(x) over x >= 0.

    Each iteration replaces L by its EM surrogate (shifted by the background) and R by a separable quadratic,
    and minimises their sum in closed form: one projection and one back projection. The objective never rises;
    for a penalty whose curvature is only a guess (RDP) the step is retried with a doubled curvature until it
    does not. With strength 0 it is MLEM with a shift. Source: De Pierro 1995; Fessler and Hero 1995;
    Chazottes et al. 2024.

    Parameters
    ----------
    y : Tensor, shape (..., *sinogram_shape)
        Prompt counts.
    model : AcquisitionModel
    penalty : Penalty
        `Quadratic`, `RelativeDifference`, `SmoothedTV`, `Bowsher`, or your own with the same methods.
    iterations : int
        A few tens change the image little further, a few hundred not visibly.
    x0, callback, progress
        As in `mlem`.

    Returns
    -------
    Tensor, shape (..., *image_shape)
        Activity in kBq/mL.

    Raises
    ------
    InputError
        On counts, a start image or a penalty's `dims` that cannot be used, or a result that is not finite.

    Examples
    --------
    >>> import torch
    >>> from petrecon.projectors import AcquisitionModel, load_scanner, make_projector
    >>> from petrecon.reconstruct import Quadratic
    >>> ring = load_scanner("biograph-truepoint").geometry("quick", dims=2, image_shape=(20, 24), voxel_size=(9.0, 9.0))
    >>> model = AcquisitionModel(make_projector(ring), scale=0.1, background=1.0)
    >>> noisy = torch.poisson(model(torch.full((20, 24), 5.0)), generator=torch.Generator().manual_seed(0))
    >>> rough, smooth = (map_em(noisy, model, Quadratic(strength), iterations=5) for strength in (0.0, 10.0))
    >>> smooth.shape, bool(smooth.std() < rough.std())
    (torch.Size([20, 24]), True)
    """
    check_counts(y, tuple(model.linear.out_shape))
    axes = len(model.linear.in_shape)
    own = getattr(penalty, "dims", axes)
    if own != axes:
        raise InputError(f"the penalty is for images of dims={own}, the model's have {axes}: give dims={axes}")
    dims, image = len(model.linear.out_shape), (...,) + (None,) * axes
    x = start_image(y, model, x0)
    sensitivity, shift = model.sensitivity(), background_shift(model)
    seen = sensitivity > 0
    ybar = model(x)
    value = poisson_nll(y, ybar, dims) + penalty.value(x)
    if not bool(torch.isfinite(value).all()):
        raise InputError(
            "the objective is not finite at the start: counts where nothing is expected, or too strong a penalty"
        )
    for k in counted(iterations, "MAP-EM", progress):
        back = em_back_projection(y, ybar, model)
        slope = sensitivity + penalty.gradient(x)
        curvature = penalty.curvature(x)
        factor = torch.ones_like(value)
        while True:
            step = surrogate_step(x, back, slope, curvature * factor[image].to(x.dtype), shift)
            candidate = torch.where(seen, step, 0.0)
            ybar = model(candidate)
            if penalty.exact_majoriser:
                break
            new = poisson_nll(y, ybar, dims) + penalty.value(candidate)
            worse = new > value + _ROUNDING * value.abs()
            if not bool(worse.any()) or bool((factor > 1e6).any()):
                value = new
                break
            factor = torch.where(worse, 2 * factor, factor)
        x = candidate
        if ends(callback, k, x):
            break
    return finite(x, "MAP-EM")
