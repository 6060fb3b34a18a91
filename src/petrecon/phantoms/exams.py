r"""Simulated exams: expected trues, scatter and randoms, and Poisson counts drawn from them.

With :math:`\delta_t` the decay integral of frame t, the mean counts are

.. math:: \bar y_t = T_t + S_t + R_t, \quad T_t = \kappa\,\delta_t\, L P G x_t, \quad
   \sum_t 1^T T_t = dose \cdot N_{ref}\, f, \quad S_t = T_t \frac{SF}{1-SF}, \quad
   R_t \propto dose^2 (T_t/\Delta_t)^2 \Delta_t,

where N_ref is the card's net trues of the reference exam, f the share of a slice (1 in 3D), and randoms reach
the card's fraction R/(T+S+R) at dose 1. Scatter is as smooth as scatter is; its total and that of randoms
follow each frame's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from petrecon.errors import InputError, ParameterError, did_you_mean
from petrecon.phantoms.cards import is_card
from petrecon.phantoms.counts import draw_counts, expected_randoms, expected_scatter
from petrecon.phantoms.draws import check_seed
from petrecon.phantoms.dynamic import Dynamic, Protocol, dynamic_activity, protocol_names
from petrecon.phantoms.frames import Frames
from petrecon.phantoms.subjects import Subject
from petrecon.phantoms.tracers import Tracer, activity, tracer_names
from petrecon.projectors import (
    AcquisitionModel,
    GaussianResolution,
    attenuation_factors,
    load_scanner,
    make_projector,
)

SLICE_SHARE = 1.3
"""Counts of a central slice relative to the mean over the planes: axial sensitivity is a triangle, and the
head fills the middle (1.0–1.5; this project)."""

MAX_DOSE = 4.0
ActivitySource = Tensor | Tracer | Dynamic | Protocol | str


@dataclass(frozen=True, eq=False)
class Exam:
    """A simulated exam. `lead` below is (realisations,), (T,), both or neither.

    Attributes
    ----------
    counts : (*lead, *sinogram) float32 tensor
        Measured prompts.
    model : AcquisitionModel
        Expected counts of an image in kBq/mL, with the exact background.
    truth : ([T,] *grid) float32 tensor
        True activity, kBq/mL, decay-corrected.
    subject : Subject
    dose : float
        Fraction of the scanner's reference exam.
    trues, scatter, randoms : ([T,] *sinogram) float32 tensors
        Expected counts; ``scatter + randoms`` is the model's background.
    scanner, coarsening : str
    seed : int
    frames : Frames or None
    slice_share : float
        Share of the exam's trues that falls into this image (1 in 3D).
    """

    counts: Tensor
    model: AcquisitionModel
    truth: Tensor
    subject: Subject
    dose: float
    trues: Tensor
    scatter: Tensor
    randoms: Tensor
    scanner: str
    coarsening: str
    seed: int
    frames: Frames | None
    slice_share: float

    def summary(self) -> dict[str, Any]:
        """Return what a receipt or a caption needs: names, seeds, totals of counts and fractions."""
        trues, scatter, randoms = (float(v.sum(dtype=torch.float64)) for v in (self.trues, self.scatter, self.randoms))
        lead = self.counts.ndim - self.trues.ndim
        backend = self.model.projector
        return {
            "anatomy": self.subject.anatomy,
            "subject_seed": self.subject.seed,
            "scanner": self.scanner,
            "coarsening": self.coarsening,
            "dose": self.dose,
            "seed": self.seed,
            "realisations": self.counts.shape[0] if lead else 1,
            "frames": len(self.frames) if self.frames else 1,
            "trues": trues,
            "scatter": scatter,
            "randoms": randoms,
            "scatter_fraction": scatter / (trues + scatter),
            "randoms_fraction": randoms / (trues + scatter + randoms),
            "net_trues_millions": trues / self.slice_share / 1e6,
            "slice_share": self.slice_share,
            "sinogram_shape": tuple(self.model.sinogram_shape),
            "image_shape": tuple(self.model.image_shape),
            "backend": backend.backend,
            "backend_version": backend.backend_version,
        }


def simulate_exam(
    subject: Subject,
    activity_or_tracer: ActivitySource,
    scanner: Any,
    dose: float = 1.0,
    seed: int = 0,
    *,
    coarsening: str = "quick",
    dims: int | None = None,
    realisations: int | None = None,
    backend: str = "auto",
    frames: Frames | None = None,
    **overrides: Any,
) -> Exam:
    """Simulate an exam of a subject. The same arguments give the same counts, bit for bit.

    Parameters
    ----------
    subject : Subject
        Its grid is the exam's image grid.
    activity_or_tracer : tensor, Dynamic, Tracer, Protocol or str
        ([T,] *grid) kBq/mL, or what `dynamic_activity` returned, or a tracer or protocol by card or name
        (painted with `seed`).
    scanner : str or Scanner
    dose : float
        Fraction of the scanner's reference exam, in (0, 4]. Trues and scatter ∝ dose, randoms ∝ dose².
    seed : int
        Draws the counts (and the uptake, when a tracer is given).
    coarsening : str
        Of the scanner's detectors, as on its card: quick, laptop or paper.
    dims : int, optional
        Must agree with the subject's; for readability only.
    realisations : int, optional
        Number of independent noise draws, a leading axis of `counts`. None gives one draw without that axis,
        which is realisation 0. Realisation k is the same however many are drawn.
    backend : str
        Of the projector.
    frames : Frames, optional
        Durations and half-life. A static image is repeated in every frame. None: one frame, or those of a
        dynamic activity, from which others must not differ.
    **overrides
        Passed to ``scanner.geometry`` (for example ``rings``).

    Raises
    ------
    ParameterError
        If dose, seed, realisations or a name is out of range.
    InputError
        If the activity is negative, all zero, not finite, not on the subject's grid or touches its edge.
    """
    dose, seed = _checked_dose(dose), check_seed(seed)
    grid = tuple(subject.labels.shape)
    if dims not in (None, len(grid)):
        raise ParameterError(f"dims is {dims} but the subject has {len(grid)}; make the subject with dims={dims}")
    if realisations is not None and (
        isinstance(realisations, bool) or int(realisations) != realisations or realisations < 1
    ):
        raise ParameterError(f"realisations is {realisations}; it must be a whole number of at least 1")
    x, frames = _activity(subject, activity_or_tracer, seed, frames)
    _check_activity(x, grid, frames)
    card = load_scanner(scanner) if isinstance(scanner, str) else scanner

    geometry = card.geometry(
        coarsening=coarsening, dims=len(grid), image_shape=grid, voxel_size=subject.voxel_size, **overrides
    )
    project = make_projector(geometry, backend=backend)
    attenuation = attenuation_factors(project, subject.mu)
    resolution = GaussianResolution(grid, subject.voxel_size, card.resolution_fwhm_mm)
    ideal = AcquisitionModel(project, attenuation=attenuation, resolution=resolution)(x)
    share = SLICE_SHARE / card.planes if len(grid) == 2 else 1.0
    target = card.reference_exam.net_trues_millions * 1e6 * share

    weights = torch.tensor(frames.decay_integrals() if frames else [1.0], dtype=torch.float64)
    per_frame = ideal.reshape(len(weights), -1).sum(1, dtype=torch.float64) * weights
    if not float(per_frame.sum()) > 0:
        raise InputError("no line of response meets the activity: put it inside the scanner's field of view")
    scale = (dose * target / per_frame.sum() * weights).to(torch.float32)
    scale = scale if frames else scale[0]
    ends = (1,) * len(geometry.sinogram_shape)
    trues = ideal * scale.reshape(*scale.shape, *ends)
    scatter = expected_scatter(trues, card.scatter_fraction, len(ends))
    randoms = expected_randoms(trues, card.scatter_fraction, card.randoms_fraction, dose, frames, len(ends))
    model = AcquisitionModel(
        project, attenuation=attenuation, resolution=resolution, scale=scale, background=scatter + randoms
    )
    mean = trues + scatter + randoms
    draws = [draw_counts(mean, seed, k) for k in range(realisations or 1)]
    return Exam(
        counts=draws[0] if realisations is None else torch.stack(draws),
        model=model,
        truth=x,
        subject=subject,
        dose=dose,
        trues=trues,
        scatter=scatter,
        randoms=randoms,
        scanner=card.name,
        coarsening=coarsening,
        seed=seed,
        frames=frames,
        slice_share=share,
    )


def _checked_dose(dose: float) -> float:
    if isinstance(dose, bool) or not isinstance(dose, (int, float, np.floating)) or not 0 < dose <= MAX_DOSE:
        raise ParameterError(
            f"dose is {dose!r}; a fraction of the scanner's reference exam, above 0 and at most {MAX_DOSE:g}"
        )
    return float(dose)


def _activity(
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


def _check_activity(x: Tensor, grid: tuple[int, ...], frames: Frames | None) -> None:
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
