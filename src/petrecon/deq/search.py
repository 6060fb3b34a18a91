"""Grid search and Optuna's TPE for the two shared hyperparameters, at a cost counted in map evaluations."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from petrecon.deq.anderson import NotConverged
from petrecon.deq.hyperparameters import EPSILON, Hyperparameters, hyperparameters
from petrecon.deq.problem import Problem
from petrecon.deq.train_hyperparameters import evaluate
from petrecon.errors import ParameterError

Range = tuple[float, float]
ETA: Range = (1e-2, 10.0)
LAMBDA: Range = (1e-3, 1.0)


@dataclass
class Search:
    """What a search returns.

    Attributes
    ----------
    theta : Hyperparameters
        Best found.
    loss : float
        Its mean squared error on the training realisations [(kBq/mL)²].
    trials : list of dict
        eta, lambda, loss (infinite where the reconstruction did not converge), evaluations (so far).
    complete : bool
        Whether the whole grid (or number of trials) fitted into the budget.
    losses : (B,) Tensor, or None
        Of the validation realisations.
    evaluations : int
        Map evaluations, all realisations together.
    seconds : float
    """

    theta: Hyperparameters
    loss: float
    trials: list[dict[str, float]] = field(default_factory=list)
    complete: bool = True
    losses: Tensor | None = None
    evaluations: int = 0
    seconds: float = 0.0


class _Trials:
    """Evaluate (η, λ) on the training set, each from the image of the one before, and keep account."""

    def __init__(self, problem: Problem, epsilon: float, tol: float, budget: int | None) -> None:
        self.problem, self.epsilon, self.tol = problem, epsilon, tol
        self.budget = math.inf if budget is None else budget
        self.rows: list[dict[str, float]] = []
        self.images: Tensor | None = None
        self.spent, self.began = 0, time.perf_counter()

    @property
    def exhausted(self) -> bool:
        return self.spent >= self.budget

    def __call__(self, eta: float, lam: float) -> float:
        theta = hyperparameters(eta, lam, self.epsilon, frames=self.problem.frames)
        try:
            losses, self.images, used = evaluate(self.problem, theta, self.images, tol=self.tol)
            loss = float(losses.mean())
        except NotConverged as error:
            loss, used = math.inf, error.report.evaluations
        self.spent += used
        self.rows.append({"eta": eta, "lambda": lam, "loss": loss, "evaluations": self.spent})
        return loss

    def result(self, validation: Problem | None, complete: bool) -> Search:
        seconds = time.perf_counter() - self.began
        best = min(self.rows, key=lambda row: row["loss"])
        theta = hyperparameters(best["eta"], best["lambda"], self.epsilon, frames=self.problem.frames)
        losses = None if validation is None else evaluate(validation, theta)[0]
        return Search(theta, best["loss"], self.rows, complete, losses, self.spent, seconds)


def grid_search(
    training: Problem,
    validation: Problem | None = None,
    *,
    eta: Range = ETA,
    lam: Range = LAMBDA,
    points: int = 6,
    refinements: int = 0,
    budget: int | None = None,
    epsilon: float = EPSILON,
    tol: float = 2e-6,
) -> Search:
    """Try a logarithmic grid of `points` × `points` pairs (η, λ), row by row, turning at the ends.

    Parameters
    ----------
    training, validation : Problem
        With reference images; the best pair on the first is evaluated on the second.
    eta, lam : (low, high)
        Ranges of η [(kBq/mL)^-2] and λ [mL/kBq].
    points : int
        Along each axis.
    refinements : int
        How often to repeat the grid between the neighbours of the best pair so far.
    budget : int, optional
        Map evaluations after which no further pair is tried.
    epsilon, tol : float
        ε [kBq/mL], and the tolerance of every reconstruction.

    Returns
    -------
    Search

    Raises
    ------
    ParameterError
        For a range that is not 0 < low < high, or fewer than two points.
    """
    ranges = [_checked("eta", eta), _checked("lam", lam)]
    if points < 2:
        raise ParameterError(f"a grid of {points} points: give at least 2 along each axis")
    trials = _Trials(training, epsilon, tol, budget)
    for _ in range(refinements + 1):
        axes = [
            torch.logspace(math.log10(r[0]), math.log10(r[1]), points, dtype=torch.float64).tolist() for r in ranges
        ]
        for i, e in enumerate(axes[0]):
            for strength in axes[1] if i % 2 == 0 else axes[1][::-1]:
                if trials.exhausted:
                    return trials.result(validation, complete=False)
                trials(e, strength)
        best = min(trials.rows, key=lambda row: row["loss"])
        steps = [(r[1] / r[0]) ** (1 / (points - 1)) for r in ranges]
        centre = (best["eta"], best["lambda"])
        ranges = [(c / s, c * s) for c, s in zip(centre, steps, strict=True)]
    return trials.result(validation, complete=True)


def tpe_search(
    training: Problem,
    validation: Problem | None = None,
    *,
    eta: Range = ETA,
    lam: Range = LAMBDA,
    trials: int | None = None,
    budget: int | None = None,
    seed: int = 0,
    log: bool = True,
    multivariate: bool = True,
    epsilon: float = EPSILON,
    tol: float = 2e-6,
) -> Search:
    """Search (η, λ) with Optuna's tree-structured Parzen estimator.

    Parameters
    ----------
    trials, budget : int, optional
        Number of pairs, and map evaluations after which no further pair is tried; at least one of them.
    seed : int
    log : bool
        Draw from logarithmic ranges; linear ones waste most trials on the upper decade.
    multivariate : bool
        Model η and λ together.
    training, validation, eta, lam, epsilon, tol
        As `grid_search`.

    Returns
    -------
    Search

    Raises
    ------
    ParameterError
        Without trials and budget, or for a range that is not 0 < low < high.
    """
    import optuna

    _checked("eta", eta)
    _checked("lam", lam)
    if trials is None and budget is None:
        raise ParameterError("give trials or budget: a search needs an end")
    evaluated = _Trials(training, epsilon, tol, budget)
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=multivariate)
        study = optuna.create_study(sampler=sampler)
        while len(evaluated.rows) < (math.inf if trials is None else trials) and not evaluated.exhausted:
            trial: Any = study.ask()
            pair = [trial.suggest_float(n, *r, log=log) for n, r in (("eta", eta), ("lambda", lam))]
            loss = evaluated(*pair)
            if math.isfinite(loss):
                study.tell(trial, loss)
            else:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
    finally:
        optuna.logging.set_verbosity(verbosity)
    return evaluated.result(validation, complete=trials is None or len(evaluated.rows) == trials)


def _checked(name: str, interval: Range) -> Range:
    low, high = interval
    if not (0 < low < high < math.inf):
        raise ParameterError(f"{name} ranges over {interval}: give (low, high) with 0 < low < high")
    return interval
