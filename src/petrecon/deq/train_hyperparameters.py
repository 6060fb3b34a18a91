"""Learn hyperparameters: Adam on their logarithms, with exact gradients through the minimiser."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from petrecon.checkpoints import Fields, Stateful, resumable
from petrecon.deq.hyperparameters import Hyperparameters, expand, free_vector
from petrecon.deq.implicit import hypergradient, reconstruct
from petrecon.deq.problem import Problem
from petrecon.deq.train_settings import TrainSettings
from petrecon.errors import InputError, ParameterError
from petrecon.provenance.code import code_digest
from petrecon.reconstruct.progress import counted
from petrecon.schedules import cosine, examples_of

Row = dict[str, Any]


@dataclass
class Training:
    """What `train` returns.

    Attributes
    ----------
    theta : Hyperparameters
        Learned.
    free : Tensor, (n,)
        The free logarithms: see `petrecon.deq.expand`.
    history : list of dict
        One row per step: step, loss (of the batch, before the step), log (the n free logarithms before the step),
        gradient_norm, evaluations (so far), seconds (so far), lr, failed (realisations left out).
    losses : (B,) Tensor, or None
        Mean squared error of every validation realisation [(kBq/mL)²] with the learned values.
    evaluations : int
        Map evaluations spent on training, all realisations together; the validation is not counted.
    seconds : float
    """

    theta: Hyperparameters
    free: Tensor
    history: list[Row] = field(default_factory=list)
    losses: Tensor | None = None
    evaluations: int = 0
    seconds: float = 0.0


def squared_error(x: Tensor, problem: Problem, *, per_frame: bool = False) -> Tensor:
    """Return the mean squared error of each realisation [(kBq/mL)²], (B,), or (B, T) per frame; float64.

    Parameters
    ----------
    x : Tensor, (B, T, x, y)
        Images, kBq/mL.
    problem : Problem
        With the true image.
    per_frame : bool

    Returns
    -------
    Tensor, (B,) or (B, T)
        float64.
    """
    square = (x - _truth(problem)).double().square().mean((-2, -1))
    return square if per_frame else square.mean(-1)


def evaluate(
    problem: Problem, theta: Hyperparameters, x0: Tensor | None = None, *, tol: float = 5e-7, **options: Any
) -> tuple[Tensor, Tensor, int]:
    """Reconstruct with given hyperparameters: squared errors (B,), images (B, T, x, y) and map evaluations.

    Parameters
    ----------
    problem : Problem
        Of B realisations, with the true image.
    theta : Hyperparameters
    x0 : Tensor, (B, T, x, y), optional
        Images to start from.
    tol : float
        Of the reconstruction.
    **options
        Of `reconstruct`.

    Returns
    -------
    losses : Tensor, (B,)
    x : Tensor, (B, T, x, y)
    evaluations : int
    """
    x, report = reconstruct(problem, theta, x0, tol=tol, **options)
    return squared_error(x, problem), x, report.evaluations


def train(
    training: Problem,
    settings: TrainSettings,
    validation: Problem | None = None,
    *,
    start: Tensor | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> Training:
    r"""Minimise the mean squared error of the reconstruction over the hyperparameters.

    .. math:: \min_\theta \frac1B \sum_b \mathrm{mean}\,(x^*_\theta(y_b) - x_{ref})^2

    Parameters
    ----------
    training, validation : Problem
        With true images, of B realisations each. The validation is only evaluated at the end.
    settings : TrainSettings
    start : Tensor, (n_hyperparameters,), optional
        Free logarithms to start from.
    checkpoint : path, optional
        Written after every step; an existing one is resumed, and the result is that of an uninterrupted training.
    progress : bool
        Show a bar.

    Returns
    -------
    Training

    Raises
    ------
    ParameterError, InputError
        For a number of hyperparameters that does not suit the frames, missing true images, or a checkpoint of another
        training.
    NotConverged
        As `settings.on_failure` says.
    """
    frames = training.frames
    truth = _truth(training)
    free = nn.Parameter(_first_logarithms(settings, frames, start))
    adam = torch.optim.Adam([free], lr=settings.lr)
    result = Training(expand(free.detach(), frames, settings.epsilon), free.detach())
    warm = SimpleNamespace(images=training.start(), adjoints=torch.zeros_like(training.start()))
    parts: dict[str, Stateful] = {
        "free": nn.ParameterList([free]),
        "adam": adam,
        "warm": Fields(warm, "images", "adjoints"),
        "result": Fields(result, "history", "evaluations", "seconds"),
    }

    def identity() -> dict[str, Any]:
        return {
            **asdict(settings),
            "start": None if start is None else start.tolist(),
            "counts": float(training.counts.double().sum()),
            "code": code_digest(__name__),
        }

    steps = counted(settings.steps, f"training {len(free)} hyperparameters", progress)
    for step in resumable(steps, parts, checkpoint, identity):
        if _is_flat(result.history, settings):
            break
        began = time.perf_counter()
        rate = cosine(step - 1, settings.steps - 1, first=settings.lr, last=settings.final_lr)
        adam.param_groups[0]["lr"] = rate
        index = _batch_of(step - 1, len(training), settings)
        row, spent = _set_gradient(free, training, truth, index, warm, settings)
        result.evaluations += spent
        result.seconds += time.perf_counter() - began
        result.history.append(
            {"step": step, **row, "evaluations": result.evaluations, "seconds": result.seconds, "lr": rate}
        )
        adam.step()
    result.free = free.detach().clone()
    result.theta = expand(result.free, frames, settings.epsilon)
    if validation is not None:
        result.losses, _, _ = evaluate(validation, result.theta)
    return result


def _first_logarithms(settings: TrainSettings, frames: int, start: Tensor | None) -> Tensor:
    """Return the free logarithms at the start, (n_hyperparameters,) float64; refuse a number that does not suit."""
    count = settings.n_hyperparameters
    free = free_vector(count, frames, epsilon=settings.epsilon) if start is None else start.detach().double().clone()
    if len(free) != count:
        raise ParameterError(f"start has {len(free)} values for {count} hyperparameters")
    expand(free, frames, settings.epsilon)  # refuses a wrong number or values
    return free


def _set_gradient(
    free: nn.Parameter, training: Problem, truth: Tensor, index: Tensor, warm: Any, settings: TrainSettings
) -> tuple[Row, int]:
    """Set the gradient of a batch's mean loss; return what the history says of the step, and its map evaluations."""
    part = training.select(index)
    theta = expand(free, training.frames, settings.epsilon)
    x, report = reconstruct(part, theta, warm.images[index], tol=settings.tol, on_failure=settings.on_failure)
    used = report.converged
    index, x, part = index[used], x[used], training.select(index[used])
    if not len(index):
        raise InputError("no realisation of the batch converged: raise tol, or start from other values")
    gradient, adjoint, back = hypergradient(
        part,
        theta,
        x,
        2 * (x - truth) / x[0].numel(),
        warm.adjoints[index],
        adjoint=settings.adjoint,
        tol=settings.adjoint_tol,
        on_failure=settings.on_failure,
    )
    warm.images[index], warm.adjoints[index] = x, adjoint
    pairs = [(log, g / len(index)) for log, g in zip(theta, gradient, strict=True) if log.requires_grad]
    (free.grad,) = torch.autograd.grad([p[0] for p in pairs], free, [p[1] for p in pairs])
    row = {
        "loss": float(squared_error(x, part).mean()),
        "log": free.detach().tolist(),
        "gradient_norm": float(free.grad.norm()),
        "failed": int((~used).sum()),
    }
    return row, report.evaluations + back.evaluations


def _truth(problem: Problem) -> Tensor:
    if problem.truth is None:
        raise InputError("the problem has no true image: give one to dynamic_problem")
    return problem.truth


def _batch_of(step: int, count: int, settings: TrainSettings) -> Tensor:
    """Return the realisations of a step, in their own order when all take part."""
    if settings.batch >= count:
        return torch.arange(count)
    return torch.tensor(examples_of(step, count, settings.batch, settings.seed))


def _is_flat(history: list[Row], settings: TrainSettings) -> bool:
    """Return whether the mean loss no longer moves."""
    patience = settings.patience
    if not settings.flat or len(history) < 2 * patience:
        return False
    before, after = (
        sum(row["loss"] for row in rows) / patience
        for rows in (history[-2 * patience : -patience], history[-patience:])
    )
    return abs(before - after) < settings.flat * abs(before)
