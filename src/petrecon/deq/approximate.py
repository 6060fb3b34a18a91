"""Gradients that other methods use instead of the implicit one, to be measured against it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from petrecon.deq.hyperparameters import Hyperparameters
from petrecon.deq.implicit import map_gradient, transposed_jacobian
from petrecon.deq.mm_map import mm_map
from petrecon.deq.problem import Problem


def truncated_gradient(problem: Problem, theta: Hyperparameters, x: Tensor, u: Tensor, terms: int) -> Hyperparameters:
    r"""Return the gradient with the Neumann series cut off: :math:`v = \sum_{i \le terms} (J^T)^i u`.

    Costs `terms` products per realisation. With J's eigenvalues in [0, 1) it is always too small.

    Parameters
    ----------
    problem, theta
    x : Tensor, (B, T, x, y)
        The minimiser [kBq/mL], from `reconstruct`.
    u : Tensor, (B, T, x, y)
        ∂ℓ/∂x of the loss.
    terms : int
        Products with Jᵀ; 0 is `jacobian_free_gradient`.

    Returns
    -------
    Hyperparameters
        Derivatives with respect to the logarithms, summed over the realisations.
    """
    v = u.detach()
    if terms:
        transposed = transposed_jacobian(x, problem, theta)
        for _ in range(terms):
            v = transposed(v) + u.detach()
    return map_gradient(problem, theta, x, v)


def jacobian_free_gradient(problem: Problem, theta: Hyperparameters, x: Tensor, u: Tensor) -> Hyperparameters:
    """Return the gradient of one map step alone, v = u (Wu Fung et al. 2022; the default of torchdeq).

    Parameters
    ----------
    problem, theta, x, u
        As `truncated_gradient`.

    Returns
    -------
    Hyperparameters
        Derivatives with respect to the logarithms, summed over the realisations.
    """
    return truncated_gradient(problem, theta, x, u, terms=0)


def unrolled_gradient(
    problem: Problem,
    theta: Hyperparameters,
    loss: Callable[[Tensor], Tensor],
    iterations: int,
    x0: Tensor | None = None,
) -> tuple[Hyperparameters, Tensor]:
    """Return the exact gradient of the loss after a number of plain map steps from `x0`, and that iterate.

    Costs 2 evaluations per step, and memory for all of them.

    Parameters
    ----------
    problem, theta
    loss : callable
        From images (B, T, x, y) to a number.
    iterations : int
        Map steps.
    x0 : Tensor, (B, T, x, y), optional
        Start [kBq/mL]; `problem.start()` by default.

    Returns
    -------
    gradient : Hyperparameters
        Derivatives with respect to the logarithms.
    x : Tensor, (B, T, x, y)
        The iterate [kBq/mL].
    """
    logs = Hyperparameters(*(p.detach().clone().requires_grad_() for p in theta))
    x = problem.start() if x0 is None else x0
    with torch.enable_grad():
        for _ in range(iterations):
            x = mm_map(x, problem, logs)
        gradient = torch.autograd.grad(loss(x), logs)
    return Hyperparameters(*gradient), x.detach()
