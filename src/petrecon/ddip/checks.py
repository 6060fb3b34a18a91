"""What `ddip` refuses before it starts, and while it runs."""

from __future__ import annotations

import torch
from torch import Tensor

from petrecon.errors import InputError, PetreconError
from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct.likelihood import check_counts


def check_fit(y: Tensor, model: AcquisitionModel, slices: int = 1, divisor: int = 1) -> None:
    """Check counts, grid and network against each other.

    Parameters
    ----------
    slices : int
        Adjacent slices that the network sees at once.
    divisor : int
        Image sides must be multiples of it.

    Raises
    ------
    InputError
        For a 3D model, unusable or all-zero counts, an image the network cannot halve often enough, or counts without
        the leading axis of slices.
    """
    if len(model.image_shape) != 2:
        raise InputError("DDIP reconstructs slices: make the exam with dims=2")
    check_counts(y, tuple(model.sinogram_shape))
    counts = y.sum((-2, -1)).reshape(-1)
    if bool((counts == 0).any()):
        empty = int((counts == 0).nonzero()[0])
        raise InputError(f"sinogram {empty} holds no counts at all: there is nothing to reconstruct, leave it out")
    if any(n % divisor for n in model.image_shape):
        raise InputError(
            f"the image is {tuple(model.image_shape)}, but this network needs sides divisible by {divisor}: "
            "choose another image_shape for the subject"
        )
    if slices > 1 and (y.ndim < 3 or y.shape[-3] != slices):
        raise InputError(
            f"this network sees {slices} adjacent slices: give counts (..., {slices}, radial, views), "
            f"not {tuple(y.shape)}"
        )


def checked_mr(mr: Tensor | None, y: Tensor, model: AcquisitionModel) -> Tensor:
    """Return the MR with the leading axes of the counts, (*lead, X, Y).

    Raises
    ------
    InputError
        If it is missing, of another shape or not finite.
    """
    wanted = (*y.shape[:-2], *model.image_shape)
    if mr is None:
        raise InputError("the MR is missing: give one on the image grid, or reconstruct without (use_mr=False)")
    if not bool(torch.isfinite(mr).all()):
        raise InputError("the MR holds values that are not finite: replace them first (torch.nan_to_num)")
    try:
        return mr.float().expand(wanted)
    except RuntimeError:
        raise InputError(
            f"the MR has shape {tuple(mr.shape)} where {tuple(model.image_shape)} or {wanted} is needed: "
            "resample it to the image grid"
        ) from None


def checked_scale(scale: Tensor | float, y: Tensor, slices: int) -> Tensor:
    """Return the scale as (*lead, 1, 1), one number for the slices of a stack.

    Raises
    ------
    InputError
        If it is not above zero, or fits neither one number nor one per slice.
    """
    unit = torch.as_tensor(scale, dtype=y.dtype, device=y.device)
    if not bool((unit > 0).all()) or not bool(torch.isfinite(unit).all()):
        raise InputError("the scale must be finite and above 0, in kBq/mL")
    lead = y.shape[:-2]
    try:
        unit = unit.expand(lead)
    except RuntimeError:
        raise InputError(
            f"the scale has shape {tuple(unit.shape)}: give one number, or one per slice, {tuple(lead)}"
        ) from None
    if slices > 1:
        unit = unit.mean(-1, keepdim=True).expand(lead)
    return unit[..., None, None]


def check_finite(x: Tensor, t: int) -> None:
    """Raise `PetreconError`, naming the noise level, if an image of the sampler is not finite."""
    if not bool(torch.isfinite(x).all()):
        raise PetreconError(
            f"sampling diverged at noise level t = {t} (the image is not finite): "
            "lower learning_rate, or check the network's weights"
        )
