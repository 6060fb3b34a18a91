"""One measured slice and every method that reconstructs it: what the comparisons of the book share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from petrecon.ddip.dip import dip
from petrecon.ddip.loop import ddip
from petrecon.ddip.scale import measured_scale
from petrecon.ddip.settings import DDIPSettings
from petrecon.errors import ParameterError, did_you_mean
from petrecon.models.diffusion import NoiseSchedule
from petrecon.models.score import ScoreNetwork
from petrecon.phantoms import Exam, Lesion, Subject, make_subject, simulate_exam
from petrecon.phantoms.grids import HEAD_GRID as GRID
from petrecon.phantoms.grids import HEAD_VOXEL_MM as VOXEL_MM
from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct import Bowsher, RelativeDifference, gaussian_filter, map_em, mlem


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
        kBq/mL that the network calls 1, found from each realisation.
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
    """Simulate a slice on the study's grid.

    Parameters
    ----------
    anatomy, scanner, dose, seed, coarsening, realisations, slice_mm, lesions :
        As in `make_subject` and `simulate_exam`.
    tracer : str or callable
        A tracer card, or a function that gives a subject its activity, kBq/mL.
    mr_shift_mm : (x, y)
        Displacement of the MR that the methods are given, mm: imperfect registration.
    """
    subject = make_subject(
        anatomy, seed, image_shape=GRID, voxel_size=VOXEL_MM, slice_mm=slice_mm, lesions=tuple(lesions)
    )
    exam = simulate_exam(
        subject,
        tracer if isinstance(tracer, str) else tracer(subject),
        scanner,
        dose=dose,
        seed=seed,
        coarsening=coarsening,
        realisations=realisations,
    )
    scale = measured_scale(exam.counts, exam.model)
    return Case(subject, exam, _shifted(subject.mr, mr_shift_mm), scale)


TunedSettings = Mapping[str, Mapping[str, Any]]
_Method = Callable[[Case, Mapping[str, Any], ScoreNetwork, NoiseSchedule, int], Tensor]


def reconstruct_by(
    method: str, case: Case, tuned: Mapping[str, Any], network: ScoreNetwork, schedule: NoiseSchedule, seed: int = 0
) -> Tensor:
    """Reconstruct every realisation by one method of `METHODS`.

    Parameters
    ----------
    method : str
    case : Case
    tuned : mapping
        The method's own settings.
    network, schedule
        The prior; methods without one ignore it.
    seed : int

    Returns
    -------
    (R, X, Y) tensor
        kBq/mL.

    Raises
    ------
    ParameterError
        If there is no such method.
    """
    if method not in METHODS:
        raise ParameterError(f"there is no method {method!r}.{did_you_mean(method, METHODS)}")
    return METHODS[method](case, tuned, network, schedule, seed)


def _filtered(case: Case, tuned: Mapping[str, Any], *_: Any) -> Tensor:
    image = mlem(case.counts, case.model, tuned["iterations"])
    return gaussian_filter(image, case.subject.voxel_size, tuned["fwhm_mm"])


def _relative_difference(case: Case, tuned: Mapping[str, Any], *_: Any) -> Tensor:
    penalty = RelativeDifference(tuned["strength"], gamma=2.0)
    return map_em(case.counts, case.model, penalty, iterations=tuned["iterations"])


def _bowsher(case: Case, tuned: Mapping[str, Any], *_: Any) -> Tensor:
    penalty = Bowsher(tuned["strength"], case.mr, neighbours=tuned["neighbours"])
    return map_em(case.counts, case.model, penalty, iterations=tuned["iterations"])


def _deep_image_prior(case: Case, tuned: Mapping[str, Any], _n: Any, _s: Any, seed: int) -> Tensor:
    return dip(
        case.counts, case.model, case.mr, tuned["iterations"], seed,
        learning_rate=tuned["learning_rate"], scale=case.scale,
    ).image  # fmt: skip


def by_settings(
    case: Case, settings: DDIPSettings, network: ScoreNetwork, schedule: NoiseSchedule, seed: int = 0
) -> Tensor:
    """Reconstruct every realisation by DDIP or one of its variants, (R, X, Y) in kBq/mL."""
    return ddip(case.counts, case.model, case.mr, network, schedule, settings, seed, scale=case.scale).image


def settings_for(method: str, tuned: Mapping[str, Any]) -> DDIPSettings:
    """Return the settings of a method that is a variant of DDIP, with its tuned values put in."""
    return replace(_VARIANTS[method], **tuned)


def _variant(name: str) -> _Method:
    def run(case: Case, tuned: Mapping[str, Any], network: ScoreNetwork, schedule: NoiseSchedule, seed: int) -> Tensor:
        return by_settings(case, settings_for(name, tuned), network, schedule, seed)

    return run


_VARIANTS: dict[str, DDIPSettings] = {
    "MR only": DDIPSettings(start=1000, steps=50, adapt="none", data="none", warm_start=0),
    "frozen prior": DDIPSettings(steps=150, adapt="none", data="none", consistency_em=5),
    "DDIP": DDIPSettings(),
}

METHODS: dict[str, _Method] = {
    "MLEM + filter": _filtered,
    "RDP": _relative_difference,
    "Bowsher": _bowsher,
    "DIP": _deep_image_prior,
    **{name: _variant(name) for name in _VARIANTS},
}
"""MLEM with a Gaussian; MAP-EM with the relative difference penalty; MAP-EM guided by the MR; deep image prior with MR
input; the prior's sample for this MR, without counts; the frozen prior with EM steps (PET-DDS) at as many network
evaluations as DDIP; DDIP."""


def _shifted(image: Tensor, shift_mm: tuple[float, float]) -> Tensor:
    """Displace an image along x and y, bilinearly; zeros enter."""
    if not any(shift_mm):
        return image
    nx, ny = image.shape
    # affine_grid's last axis is ours second (y); a displacement by d samples the image at -d, in units of half the side
    move = torch.tensor([[1.0, 0, -2 * shift_mm[1] / (VOXEL_MM * ny)], [0, 1.0, -2 * shift_mm[0] / (VOXEL_MM * nx)]])
    grid = torch.nn.functional.affine_grid(move[None], [1, 1, nx, ny], align_corners=False)
    moved = torch.nn.functional.grid_sample(image[None, None], grid, align_corners=False)
    return moved[0, 0]
