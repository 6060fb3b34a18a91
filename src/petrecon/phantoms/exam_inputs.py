"""What an exam is made of, checked before anything is projected: dose, activity, frames."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from petrecon.errors import InputError, ParameterError, did_you_mean
from petrecon.phantoms.cards import is_card
from petrecon.phantoms.dynamic import Dynamic, Protocol, dynamic_activity, protocol_names
from petrecon.phantoms.frames import Frames
from petrecon.phantoms.subjects import Subject
from petrecon.phantoms.tracers import Tracer, activity, tracer_names

MAX_DOSE = 4.0
ActivitySource = Tensor | Tracer | Dynamic | Protocol | str


def check_dose(dose: float) -> float:
    """Return a dose as a float; refuse one that is no fraction of the reference exam, in (0, 4]."""
    if isinstance(dose, bool) or not isinstance(dose, (int, float, np.floating)) or not 0 < dose <= MAX_DOSE:
        raise ParameterError(
            f"dose is {dose!r}; a fraction of the scanner's reference exam, above 0 and at most {MAX_DOSE:g}"
        )
    return float(dose)


def activity_in_frames(
    subject: Subject, source: ActivitySource, seed: int, frames: Frames | None
) -> tuple[Tensor, Frames | None]:
    """Turn any source of activity into a tensor ([T,] *grid), kBq/mL, and its frames."""
    if isinstance(source, str):
        if is_card(source, "uptake"):
            source = activity(subject, source, seed)
        elif is_card(source, "frames_s"):
            source = dynamic_activity(subject, source, seed)
        else:
            hint = did_you_mean(source, tracer_names() + protocol_names())
            raise ParameterError(f"there is no tracer {source!r}.{hint}")
    elif isinstance(source, Tracer):
        source = activity(subject, source, seed)
    elif isinstance(source, Protocol):
        source = dynamic_activity(subject, source, seed)
    if isinstance(source, Dynamic):
        if frames not in (None, source.frames):
            raise ParameterError("a dynamic activity has frames of its own: leave frames out, or give the same ones")
        return source.activity, source.frames
    x = source.to(torch.float32)
    if frames is not None and x.ndim == subject.labels.ndim:
        x = x.expand(len(frames), *x.shape).contiguous()
    return x, frames


def check_activity(x: Tensor, grid: tuple[int, ...], frames: Frames | None) -> None:
    """Refuse an activity of a wrong shape, without counts to give, negative, not finite, or at the grid's edge."""
    wanted = grid if frames is None else (len(frames), *grid)
    if tuple(x.shape) != wanted:
        cure = "" if frames is not None else "; give frames=Frames(...) with a dynamic image"
        raise InputError(f"the activity has shape {tuple(x.shape)} where the subject needs {wanted}{cure}")
    if not bool(torch.isfinite(x).all()):
        raise InputError("the activity holds NaN or infinite values; replace them first (torch.nan_to_num)")
    if float(x.min()) < 0:
        raise InputError(f"the activity is negative (down to {float(x.min()):.3g} kBq/mL); clip it at zero first")
    if float(x.max()) == 0:
        raise InputError("the activity is zero everywhere; there is nothing to measure")
    for d in range(x.ndim - len(grid), x.ndim):
        if bool(x.select(d, 0).any()) or bool(x.select(d, x.shape[d] - 1).any()):
            raise InputError("the activity touches the edge of the grid; leave one empty voxel on every side")


def check_realisations(realisations: int | None) -> None:
    """Refuse a number of noise draws that is no whole number of at least 1."""
    if realisations is not None and (
        isinstance(realisations, bool) or int(realisations) != realisations or realisations < 1
    ):
        raise ParameterError(f"realisations is {realisations}; it must be a whole number of at least 1")
