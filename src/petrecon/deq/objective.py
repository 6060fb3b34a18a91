r"""The objective of a dynamic problem, its gradient, and how far an image is from its minimum.

.. math:: f(x) = \sum_t \sum_m [\bar y_{tm} - y_{tm} \log \bar y_{tm}] + R_\theta(x)
"""

from __future__ import annotations

import torch
from torch import Tensor

from petrecon.deq.hyperparameters import Hyperparameters
from petrecon.deq.penalty import penalty_gradient, penalty_value
from petrecon.deq.problem import Problem
from petrecon.reconstruct.likelihood import poisson_nll


def objective(x: Tensor, problem: Problem, theta: Hyperparameters) -> Tensor:
    """Return f(x) of each realisation.

    Parameters
    ----------
    x : Tensor, (B, T, x, y)
        Activity [kBq/mL], >= 0.
    problem : Problem
    theta : Hyperparameters

    Returns
    -------
    Tensor, (B,), float64
    """
    dims = len(problem.model.sinogram_shape)
    return poisson_nll(problem.counts, problem.model(x), dims).sum(-1) + penalty_value(x, theta)


def gradient(x: Tensor, problem: Problem, theta: Hyperparameters) -> Tensor:
    """Return ∇f(x).

    Parameters
    ----------
    x : Tensor, (B, T, x, y)
        Activity [kBq/mL], >= 0.
    problem : Problem
    theta : Hyperparameters

    Returns
    -------
    Tensor, (B, T, x, y)
    """
    return problem.sensitivity - problem.operator.adjoint(problem.ratio(x)) + penalty_gradient(x, theta)


def kkt_residual(x: Tensor, problem: Problem, theta: Hyperparameters) -> Tensor:
    """Return how far each realisation is from optimal, (B,): max |projected ∇f| / max s.

    The projected gradient is ∇f where x > 0 and min(∇f, 0) where x = 0; it vanishes at the minimiser only.

    Parameters
    ----------
    x : Tensor, (B, T, x, y)
        Activity [kBq/mL], >= 0.
    problem : Problem
    theta : Hyperparameters

    Returns
    -------
    Tensor, (B,)
        Dimensionless.
    """
    slope = gradient(x, problem, theta)
    projected = torch.where(x > 0, slope, slope.clamp_max(0.0))
    return projected.abs().amax((-3, -2, -1)) / problem.sensitivity.max()
