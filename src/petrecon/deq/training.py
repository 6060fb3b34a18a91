"""Learn hyperparameters: Adam on their logarithms, with exact gradients through the minimiser."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from petrecon.checkpoints import load_checkpoint, save_checkpoint
from petrecon.deq.hyperparameters import EPSILON, Hyperparameters, expand, free_vector
from petrecon.deq.implicit import hypergradient, reconstruct
from petrecon.deq.problem import Problem
from petrecon.errors import InputError, ParameterError
from petrecon.provenance.code import code_digest
from petrecon.reconstruct.progress import counted

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
    """Return the mean squared error of each realisation [(kBq/mL)²], (B,), or (B, T) per frame; float64."""
    square = (x - _truth(problem)).double().square().mean((-2, -1))
    return square if per_frame else square.mean(-1)


def evaluate(
    problem: Problem, theta: Hyperparameters, x0: Tensor | None = None, *, tol: float = 5e-7, **options: Any
) -> tuple[Tensor, Tensor, int]:
    """Reconstruct with given hyperparameters: squared errors (B,), images (B, T, x, y) and map evaluations."""
    x, report = reconstruct(problem, theta, x0, tol=tol, **options)
    return squared_error(x, problem), x, report.evaluations


def train(
    training: Problem,
    validation: Problem | None = None,
    *,
    parameters: int,
    start: Tensor | None = None,
    epsilon: float = EPSILON,
    steps: int = 30,
    lr: float = 0.3,
    final_lr: float = 0.01,
    batch: int = 16,
    seed: int = 0,
    tol: float = 2e-6,
    adjoint: str = "cg",
    adjoint_tol: float = 1e-2,
    flat: float = 0.0,
    patience: int = 5,
    on_failure: str = "raise",
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> Training:
    r"""Minimise the mean squared error of the reconstruction over the hyperparameters.

    .. math:: \min_\theta \frac1B \sum_b \mathrm{mean}\,(x^*_\theta(y_b) - x_{ref})^2

    Parameters
    ----------
    training, validation : Problem
        With true images. The validation is only evaluated at the end.
    parameters : int
        2 (η, one λ), T + 1 (η, λ_t) or T + 2 (ε as well).
    start : Tensor, (parameters,), optional
        Free logarithms to start from.
    epsilon : float
        ε [kBq/mL] where it is not learned; its start where it is.
    steps : int
        Adam steps. One epoch is ⌈B / batch⌉ of them.
    lr, final_lr : float
        The learning rate falls along a cosine from `lr` to `final_lr`.
    batch : int
        Realisations per step; all of them when there are fewer.
    seed : int
        Shuffles the realisations.
    tol : float
        Of the reconstruction. Every realisation starts from its last image, so a loose tolerance would stop at once
        and the gradient would be that of another θ.
    adjoint, adjoint_tol
        As `hypergradient`, warm-started too.
    flat : float
        Stop early when the mean loss over `patience` steps differs from that of the `patience` steps before by less
        than this fraction; 0 never stops.
    on_failure : {"raise", "report"}
        Whether a realisation that does not converge stops the training, or is left out of that step and counted in
        the history.
    checkpoint : path, optional
        Written after every step; an existing one is resumed, and the result is that of an uninterrupted training.
    progress : bool
        Show a bar.

    Raises
    ------
    ParameterError, InputError
        For settings out of range, missing true images, or a checkpoint of another training.
    NotConverged
        As `on_failure` says.
    """
    count, frames = len(training), training.frames
    if steps < 1 or batch < 1 or not (lr > 0 and final_lr > 0 and tol > 0 and adjoint_tol > 0):
        raise ParameterError("steps, batch, learning rates and tolerances must be above 0")
    truth = _truth(training)
    free = free_vector(parameters, frames, epsilon=epsilon) if start is None else start.detach().double().clone()
    if len(free) != parameters:
        raise ParameterError(f"start has {len(free)} values for {parameters} parameters")
    expand(free, frames, epsilon)  # refuses a wrong number or values
    free.requires_grad_()
    adam = torch.optim.Adam([free], lr=lr)
    images, adjoints = training.start(), torch.zeros_like(training.start())
    result = Training(expand(free.detach(), frames, epsilon), free.detach())
    first = 0
    identity: dict[str, Any] = {
        "parameters": parameters,
        "epsilon": epsilon,
        "lr": lr,
        "final_lr": final_lr,
        "batch": batch,
    }
    identity |= {"seed": seed, "steps": steps, "tol": tol, "counts": float(training.counts.double().sum())}
    identity |= {"code": code_digest(__name__)} if checkpoint is not None else {}
    if checkpoint is not None and Path(checkpoint).exists():
        saved = load_checkpoint(checkpoint, identity)
        first, result.history, result.evaluations = saved["step"], saved["history"], saved["evaluations"]
        result.seconds = saved["seconds"]
        images, adjoints = saved["images"], saved["adjoints"]
        with torch.no_grad():
            free.copy_(saved["free"])
        adam.load_state_dict(saved["adam"])
    for step in counted(steps, f"training {parameters} hyperparameters", progress):
        if step <= first or _is_flat(result.history, flat, patience):
            continue
        began = time.perf_counter()
        rate = final_lr + 0.5 * (lr - final_lr) * (1 + math.cos(math.pi * (step - 1) / max(steps - 1, 1)))
        adam.param_groups[0]["lr"] = rate
        index = _batch_of(step - 1, count, batch, seed)
        part = training.select(index)
        theta = expand(free, frames, epsilon)
        x, report = reconstruct(part, theta, images[index], tol=tol, on_failure=on_failure)
        used = report.converged
        index, x, part = index[used], x[used], training.select(index[used])
        if not len(index):
            raise InputError("no realisation of the batch converged: raise tol, or start from other values")
        loss = squared_error(x, part).mean()
        u = 2 * (x - truth) / x[0].numel()
        gradient, v, back = hypergradient(
            part, theta, x, u, adjoints[index], adjoint=adjoint, tol=adjoint_tol, on_failure=on_failure
        )
        images[index], adjoints[index] = x, v
        pairs = [(log, g / len(index)) for log, g in zip(theta, gradient, strict=True) if log.requires_grad]
        (free.grad,) = torch.autograd.grad([p[0] for p in pairs], free, [p[1] for p in pairs])
        result.evaluations += report.evaluations + back.evaluations
        result.seconds += time.perf_counter() - began
        result.history.append(
            {
                "step": step,
                "loss": float(loss),
                "log": free.detach().tolist(),
                "gradient_norm": float(free.grad.norm()),
                "evaluations": result.evaluations,
                "seconds": result.seconds,
                "lr": rate,
                "failed": int((~used).sum()),
            }
        )
        adam.step()
        if checkpoint is not None:
            state = {"step": step, "history": result.history, "evaluations": result.evaluations}
            state |= {"seconds": result.seconds, "images": images, "adjoints": adjoints}
            save_checkpoint(checkpoint, identity, {**state, "free": free.detach(), "adam": adam.state_dict()})
    result.free = free.detach().clone()
    result.theta = expand(result.free, frames, epsilon)
    if validation is not None:
        result.losses, _, _ = evaluate(validation, result.theta)
    return result


def _truth(problem: Problem) -> Tensor:
    if problem.truth is None:
        raise InputError("the problem has no true image: give one to dynamic_problem")
    return problem.truth


def _batch_of(step: int, count: int, batch: int, seed: int) -> Tensor:
    """Return the realisations of a step: epochs are shuffled, each by the seed and its number alone."""
    per_epoch = math.ceil(count / batch)
    if per_epoch == 1:
        return torch.arange(count)
    epoch, part = divmod(step, per_epoch)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
    return order[part * batch : (part + 1) * batch]


def _is_flat(history: list[Row], flat: float, patience: int) -> bool:
    """Return whether the mean loss no longer moves."""
    if not flat or len(history) < 2 * patience:
        return False
    before, after = (
        sum(row["loss"] for row in rows) / patience
        for rows in (history[-2 * patience : -patience], history[-patience:])
    )
    return abs(before - after) < flat * abs(before)
