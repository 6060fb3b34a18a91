r"""A dynamic reconstruction problem: counts of several noise realisations and their model.

.. math:: \bar y_t = F_t\, (A x_t + \beta_t),

with the geometric operator A (projector and resolution), the factors F (frame scale, normalisation,
attenuation) and :math:`\beta = b / F`. Dividing the background by the factors once makes every iteration need
only y / (A x + β).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from petrecon.errors import InputError, ParameterError
from petrecon.phantoms import Exam
from petrecon.phantoms.exam_inputs import MAX_DOSE
from petrecon.projectors import AcquisitionModel, LinearOperator, load_scanner
from petrecon.reconstruct.likelihood import check_counts
from petrecon.reconstruct.majorise import background_shift, start_image


@dataclass(frozen=True, eq=False)
class Problem:
    """B noise realisations of one dynamic exam of T frames; made by `dynamic_problem` or `problem_from_exam`.

    Attributes
    ----------
    counts : Tensor, (B, T, *sinogram)
        Prompts.
    model : AcquisitionModel
        With one scale and one background per frame.
    truth : Tensor, (T, x, y), or None
        True activity [kBq/mL].
    operator : LinearOperator
        A: projector and resolution, without any factor.
    line_background : Tensor, (T, *sinogram)
        β = b / F.
    sensitivity : Tensor, (T, x, y)
        s = Aᵀ F.
    shift : Tensor, (T, 1, 1)
        z_t = min_m β_tm / (A 1)_m: the uniform activity [kBq/mL] that the background alone could explain.
    """

    counts: Tensor
    model: AcquisitionModel
    truth: Tensor | None
    operator: LinearOperator
    line_background: Tensor
    sensitivity: Tensor
    shift: Tensor

    @property
    def frames(self) -> int:
        """Number of frames T."""
        return self.counts.shape[1]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the images of all realisations, (B, T, x, y)."""
        return (*self.counts.shape[:2], *self.operator.in_shape)

    def __len__(self) -> int:
        return len(self.counts)

    def select(self, realisations: Tensor | slice | list[int]) -> Problem:
        """Return the problem of some realisations only, by their indices (b,)."""
        if isinstance(realisations, Tensor) and torch.equal(realisations.cpu(), torch.arange(len(self))):
            return self
        return replace(self, counts=self.counts[realisations])

    def ratio(self, x: Tensor) -> Tensor:
        """Return y / (A x + β), (B, T, *sinogram), for images (B, T, x, y); differentiable."""
        return self.counts / (self.operator(x) + self.line_background)

    def start(self) -> Tensor:
        """Return flat images (B, T, x, y) that explain the counts above the background."""
        return start_image(self.counts, self.model)


def dynamic_problem(counts: Tensor, model: AcquisitionModel, truth: Tensor | None = None) -> Problem:
    """Return a problem from its parts.

    Parameters
    ----------
    counts : Tensor, (B, T, *sinogram) or (T, *sinogram)
        Prompts of B noise realisations.
    model : AcquisitionModel
        Two-dimensional, with scale (T,) and background (T, *sinogram); its projector's dtype is the
        problem's.
    truth : Tensor, (T, x, y), optional
        True activity [kBq/mL]; training needs it.

    Returns
    -------
    Problem

    Raises
    ------
    InputError
        For wrong shapes, counts that are negative or not finite, and frames that are empty: nothing measured,
        or nothing expected. The message names the realisation and the frame.
    """
    shape, image = model.sinogram_shape, model.image_shape
    if len(image) != 2:
        raise InputError("a dynamic problem is a series of slices: make the exam with dims=2")
    if counts.ndim == len(shape) + 1:
        counts = counts[None]
    if counts.ndim != len(shape) + 2:
        raise InputError(f"counts of shape {tuple(counts.shape)}: give (realisations, frames, radial, views)")
    _check_realisations(counts, shape)
    frames = counts.shape[1]
    dtype = model.projector.dtype
    factors = model.factors.to(counts.device, dtype).expand(frames, *shape)
    background = model.background.to(counts.device, dtype).expand(frames, *shape)
    operator = model.projector if model.resolution is None else model.projector @ model.resolution
    sensitivity = operator.adjoint(factors)
    blind = sensitivity.amax((-2, -1)) <= 0
    if bool(blind.any()):
        t = int(blind.nonzero()[0])
        raise InputError(f"nothing is expected in frame {t} (its scale is zero): leave this frame out")
    dead = factors == 0
    if bool((dead & (counts > 0)).any()):
        raise InputError("there are counts in bins whose factors are zero: set those counts to zero")
    beta = torch.where(dead, 1.0, background / torch.where(dead, 1.0, factors))
    if truth is not None:
        if tuple(truth.shape) != (frames, *image):
            raise InputError(f"the truth has shape {tuple(truth.shape)}, needs {(frames, *image)}")
        truth = truth.to(counts.device, dtype)
    return Problem(
        counts=counts.to(dtype),
        model=model,
        truth=truth,
        operator=operator,
        line_background=beta,
        sensitivity=sensitivity,
        shift=background_shift(model).to(counts.device).expand(frames, 1, 1),
    )


def problem_from_exam(exam: Exam, dtype: torch.dtype = torch.float32) -> Problem:
    """Return the problem of a simulated dynamic exam.

    Parameters
    ----------
    exam : Exam
        Of a dynamic protocol and of one slice: ``simulate_exam(subject, "pe2i", …)``, say.
    dtype : torch.dtype
        Of the whole reconstruction: float32 or float64.

    Returns
    -------
    Problem

    Raises
    ------
    InputError
        For an exam of one frame, and as `dynamic_problem`.
    """
    if exam.frames is None:
        raise InputError("the exam has one frame: simulate it with a dynamic protocol, such as 'pe2i'")
    return dynamic_problem(exam.counts, exam.model.to(dtype), exam.truth)


def dose_of(net_trues_millions: float, scanner: str = "biograph-truepoint") -> float:
    """Return the dose (fraction of the scanner's reference exam) of a number of net trues [10⁶].

    Parameters
    ----------
    net_trues_millions : float
        Trues of the whole exam, in millions.
    scanner : str
        Name of its card.

    Returns
    -------
    float
        1 for the exam of the card.

    Raises
    ------
    ParameterError
        If it is outside what an exam of the card can be simulated at.
    """
    reference = load_scanner(scanner).reference_exam.net_trues_millions
    dose = float(net_trues_millions) / reference
    if not 0 < dose <= MAX_DOSE:
        raise ParameterError(
            f"{net_trues_millions:g} million net trues are outside the card of {scanner}: "
            f"above 0 and at most {MAX_DOSE * reference:g}"
        )
    return dose


def _check_realisations(counts: Tensor, shape: tuple[int, ...]) -> None:
    dims = tuple(range(-len(shape), 0))
    broken = ~torch.isfinite(counts).flatten(1).all(1)
    if bool(broken.any()):
        b = int(broken.nonzero()[0])
        raise InputError(f"realisation {b} holds counts that are NaN or infinite: mask or repair it first")
    check_counts(counts, shape)
    empty = counts.sum(dims) == 0
    if bool(empty.any()):
        b, t = (int(i) for i in empty.nonzero()[0])
        raise InputError(f"realisation {b} has no counts in frame {t}: leave out empty frames")
