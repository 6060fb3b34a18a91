"""One measured slice, several times: what every study of deep diffusion image prior starts from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from petrecon.compendium import record_backend, track_input
from petrecon.ddip import load_prior, measured_scale, prior_path
from petrecon.models import NoiseSchedule, ScoreNetwork
from petrecon.phantoms import Exam, Lesion, Subject, make_subject, simulate_exam
from petrecon.phantoms.grids import HEAD_GRID, HEAD_VOXEL_MM
from petrecon.projectors import AcquisitionModel

TRACERS = {"fdg": "FDG", "amyloid-negative": "amyloid"}
"""In the distribution of the prior and out of it, each with its name in tables and figures."""


@dataclass(frozen=True, eq=False)
class Case:
    """A slice measured several times.

    Attributes
    ----------
    subject : Subject
    exam : Exam
    mr : (X, Y) tensor
        What the methods see: the subject's MR, displaced when it is registered imperfectly.
    scale : (R,) tensor
        kBq/mL that the network calls 1, estimated from each realisation.
    """

    subject: Subject
    exam: Exam
    mr: Tensor
    scale: Tensor

    @property
    def counts(self) -> Tensor:
        """(R, radial, views)."""
        return self.exam.counts

    @property
    def model(self) -> AcquisitionModel:
        """Expected counts of an image."""
        return self.exam.model

    @property
    def truth(self) -> Tensor:
        """(X, Y), kBq/mL."""
        return self.exam.truth


def load_tracked_prior(name: str) -> tuple[ScoreNetwork, NoiseSchedule]:
    """Load a trained score network with its noise schedule, and note the file as an input of the run.

    Parameters
    ----------
    name : str
        As in `petrecon.ddip.load_prior`.
    """
    track_input(prior_path(name))
    return load_prior(name), NoiseSchedule()


def head_slice(anatomy: str, seed: int, *, slice_mm: float | None = None, lesions: Sequence[Lesion] = ()) -> Subject:
    """Cut a slice of a head on the grid that the priors were trained on.

    Parameters
    ----------
    anatomy, seed, slice_mm, lesions :
        As in `make_subject`.
    """
    return make_subject(
        anatomy, seed, image_shape=HEAD_GRID, voxel_size=HEAD_VOXEL_MM, slice_mm=slice_mm, lesions=tuple(lesions)
    )


def measure(
    anatomy: str,
    tracer: str | Callable[[Subject], Tensor],
    scanner: str,
    dose: float,
    seed: int,
    *,
    coarsening: str,
    realisations: int = 1,
    slice_mm: float | None = None,
    lesions: Sequence[Lesion] = (),
    mr_shift_mm: tuple[float, float] = (0.0, 0.0),
) -> Case:
    """Simulate a slice on the study's grid, and note the projector on the run's receipt.

    Parameters
    ----------
    anatomy, scanner, dose, seed, coarsening, realisations, slice_mm, lesions :
        As in `make_subject` and `simulate_exam`.
    tracer : str or callable
        A tracer card, or a function that gives a subject its activity, kBq/mL.
    mr_shift_mm : (x, y)
        Displacement of the MR that the methods are given, mm: imperfect registration.
    """
    subject = head_slice(anatomy, seed, slice_mm=slice_mm, lesions=lesions)
    exam = simulate_exam(
        subject,
        tracer if isinstance(tracer, str) else tracer(subject),
        scanner,
        dose=dose,
        seed=seed,
        coarsening=coarsening,
        realisations=realisations,
    )
    record_backend(exam.model.projector)
    scale = measured_scale(exam.counts, exam.model)
    return Case(subject, exam, _shifted(subject.mr, mr_shift_mm), scale)


def grey_to_white(image: Tensor, subject: Subject) -> float:
    """Return the mean uptake of grey matter over that of white matter.

    Parameters
    ----------
    image : (X, Y) tensor
        In any unit.
    subject : Subject
        Whose tissues are meant.
    """
    return float(image[subject.mask("grey")].mean() / image[subject.mask("white")].mean())


def inverted_fdg(subject: Subject) -> Tensor:
    """Return FDG turned inside out, (X, Y): white matter 24, grey matter 6, scalp 3 kBq/mL."""
    uptake = {"white": 24.0, "grey": 6.0, "csf": 0.0, "scalp": 3.0, "skull": 0.0}
    return subject.paint({label: uptake.get(region.tissue, 0.0) for label, region in subject.regions.items()})


def _shifted(image: Tensor, shift_mm: tuple[float, float]) -> Tensor:
    """Displace an image along x and y, bilinearly; zeros enter."""
    if not any(shift_mm):
        return image
    nx, ny = image.shape
    # affine_grid's last axis is ours second (y); a displacement by d samples the image at -d, in units of half the side
    along_x, along_y = (-2 * mm / (HEAD_VOXEL_MM * side) for mm, side in zip(shift_mm, (nx, ny), strict=True))
    move = torch.tensor([[1.0, 0, along_y], [0, 1.0, along_x]])
    grid = torch.nn.functional.affine_grid(move[None], [1, 1, nx, ny], align_corners=False)
    moved = torch.nn.functional.grid_sample(image[None, None], grid, align_corners=False)
    return moved[0, 0]
