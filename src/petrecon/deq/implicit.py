r"""The minimiser as a differentiable function of the hyperparameters, by the implicit function theorem.

At :math:`x^* = f_\theta(x^*)` and for a loss with gradient :math:`u = \partial\ell/\partial x^*`, two equivalent ways:

* fixed point: :math:`v = J^T v + u` with :math:`J = \partial f_\theta/\partial x`, then
  :math:`d\ell/d\theta = v^T \partial f_\theta/\partial\theta`;
* optimality: :math:`\nabla^2 f\, v = u` on the voxels with x > 0, then
  :math:`d\ell/d\theta = -v^T \partial_\theta \nabla f`. The matrix is symmetric, so conjugate gradients apply: the
  cheapest, and the default.

Costs are counted in evaluations of the map on one realisation; a product with J or the Hessian needs the same two
projections and counts as one.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from petrecon.deq.anderson import Map, Report, anderson
from petrecon.deq.hessian import conjugate_gradient, hessian_product, majoriser_diagonal
from petrecon.deq.hyperparameters import Hyperparameters
from petrecon.deq.mm_map import mm_map, mm_map_and_value
from petrecon.deq.penalty import penalty_gradient
from petrecon.deq.problem import Problem
from petrecon.errors import ParameterError, did_you_mean

ADJOINTS = ("cg", "anderson")


def reconstruct(
    problem: Problem,
    theta: Hyperparameters,
    x0: Tensor | None = None,
    *,
    tol: float = 1e-6,
    max_iterations: int = 1000,
    memory: int = 6,
    shifted: bool = True,
    regularisation: float | None = None,
    relative: bool = True,
    guarded: bool = True,
    on_failure: str = "raise",
) -> tuple[Tensor, Report]:
    """Return the minimiser of the objective, (B, T, x, y) in kBq/mL, and a report; no gradient.

    Parameters
    ----------
    problem : Problem
        Of B realisations and T frames.
    theta : Hyperparameters
    x0 : Tensor, (B, T, x, y), optional
        Start [kBq/mL]; flat images by default.
    tol, max_iterations, regularisation, relative, on_failure
        As `petrecon.deq.anderson`.
    memory : int
        As there; 1 iterates the map without acceleration.
    shifted : bool
        As `petrecon.deq.mm_map`.
    guarded : bool
        Take extrapolations back that raised the objective, as `petrecon.deq.anderson` explains.

    Returns
    -------
    x : Tensor, (B, T, x, y)
        Activity [kBq/mL].
    report : Report

    Raises
    ------
    NotConverged
        Naming the realisations, unless `on_failure` is "report".
    """

    def restrict(samples: Tensor) -> Any:
        step = mm_map_and_value if guarded else mm_map
        return partial(step, problem=problem.select(samples), theta=theta, shifted=shifted)

    with torch.no_grad():
        return anderson(
            restrict,
            problem.start() if x0 is None else x0.clamp_min(0.0),
            tol=tol,
            max_iterations=max_iterations,
            memory=memory,
            regularisation=regularisation,
            relative=relative,
            floor=0.1,
            guarded=guarded,
            on_failure=on_failure,
            what="the reconstruction",
        )


def hypergradient(
    problem: Problem,
    theta: Hyperparameters,
    x: Tensor,
    u: Tensor,
    v0: Tensor | None = None,
    *,
    adjoint: str = "cg",
    tol: float = 1e-5,
    max_iterations: int = 1000,
    memory: int = 10,
    on_failure: str = "raise",
) -> tuple[Hyperparameters, Tensor, Report]:
    r"""Return dℓ/dθ summed over the realisations, for a minimiser x and u = ∂ℓ/∂x.

    Parameters
    ----------
    problem : Problem
    theta : Hyperparameters
    x : Tensor, (B, T, x, y)
        What `reconstruct` returned for them [kBq/mL].
    u : Tensor, (B, T, x, y)
        ∂ℓ/∂x of the loss.
    v0 : Tensor, (B, T, x, y), optional
        Start of the adjoint solve: v of a similar θ.
    adjoint : {"cg", "anderson"}
        Conjugate gradients on the optimality conditions, or the fixed point of Jᵀ.
    tol, max_iterations, memory, on_failure
        Of the adjoint solve; `memory` of "anderson" only.

    Returns
    -------
    gradient : Hyperparameters
        Derivatives with respect to the logarithms.
    v : Tensor, (B, T, x, y)
        The adjoint.
    report : Report
    """
    if adjoint not in ADJOINTS:
        raise ParameterError(f"there is no adjoint {adjoint!r}.{did_you_mean(adjoint, ADJOINTS)}")
    x, u = x.detach(), u.detach()
    if adjoint == "cg":
        with torch.no_grad():
            v, report = conjugate_gradient(
                hessian_product(x, problem, theta),
                u,
                majoriser_diagonal(x, problem, theta),
                x > 0,
                v0,
                tol=tol,
                max_iterations=max_iterations,
                on_failure=on_failure,
            )
        return _against(v, lambda logs: -penalty_gradient(x, logs), theta), v, report

    def restrict(samples: Tensor) -> Map:
        transposed = transposed_jacobian(x[samples], problem.select(samples), theta)
        return lambda v: transposed(v) + u[samples]

    v, report = anderson(
        restrict,
        u if v0 is None else v0,
        tol=tol,
        max_iterations=max_iterations,
        memory=memory,
        on_failure=on_failure,
        what="the adjoint fixed point",
    )
    return map_gradient(problem, theta, x, v), v, report


def transposed_jacobian(x: Tensor, problem: Problem, theta: Hyperparameters) -> Map:
    """Return v → Jᵀ v, both (B, T, x, y), with J = ∂f_θ/∂x at x, from one recorded evaluation of the map."""
    fixed = Hyperparameters(*(p.detach() for p in theta))
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        fx = mm_map(x, problem, fixed)
    return lambda v: torch.autograd.grad(fx, x, v, retain_graph=True)[0]


def map_gradient(problem: Problem, theta: Hyperparameters, x: Tensor, v: Tensor) -> Hyperparameters:
    """Return vᵀ ∂f_θ/∂θ at x."""
    return _against(v, lambda logs: mm_map(x.detach(), problem, logs), theta)


def _against(v: Tensor, function: Any, theta: Hyperparameters) -> Hyperparameters:
    """Return vᵀ ∂function/∂θ."""
    with torch.enable_grad():
        logs = Hyperparameters(*(p.detach().clone().requires_grad_() for p in theta))
        gradient = torch.autograd.grad(function(logs), logs, v)
    return Hyperparameters(*gradient)


def solve(
    problem: Problem,
    theta: Hyperparameters,
    x0: Tensor | None = None,
    *,
    tol: float = 1e-6,
    adjoint: str = "cg",
    adjoint_tol: float = 1e-5,
    max_iterations: int = 1000,
) -> Tensor:
    """Return the minimiser, differentiable in θ: ``loss(solve(...)).backward()`` is exact.

    Parameters
    ----------
    problem : Problem
        Of B realisations and T frames.
    theta : Hyperparameters
        Whose logarithms may require gradients.
    x0 : Tensor, (B, T, x, y), optional
        Start [kBq/mL].
    tol, max_iterations
        Of the forward pass, and the limit of the backward pass too: see `reconstruct`.
    adjoint, adjoint_tol
        Of the backward pass: see `hypergradient`.

    Returns
    -------
    Tensor, (B, T, x, y)
        Activity [kBq/mL].

    Raises
    ------
    NotConverged
        In the forward or the backward pass; an image or a gradient that is not converged is never returned.
    """
    options = {"tol": tol, "max_iterations": max_iterations}
    backward = {"tol": adjoint_tol, "max_iterations": max_iterations, "adjoint": adjoint}
    x: Tensor = _Minimiser.apply(*theta, problem, x0, options, backward)
    return x


class _Minimiser(torch.autograd.Function):
    """x*(θ) with the implicit derivative."""

    @staticmethod
    def forward(
        ctx: Any,
        log_eta: Tensor,
        log_lambda: Tensor,
        log_epsilon: Tensor,
        problem: Problem,
        x0: Tensor | None,
        options: dict[str, Any],
        backward: dict[str, Any],
    ) -> Tensor:
        theta = Hyperparameters(log_eta, log_lambda, log_epsilon)
        x, _ = reconstruct(problem, theta, x0, **options)
        ctx.save_for_backward(x, *theta)
        ctx.problem, ctx.options = problem, backward
        return x

    @staticmethod
    def backward(ctx: Any, u: Tensor) -> tuple:  # type: ignore[override]
        x, *logs = ctx.saved_tensors
        gradient, _, _ = hypergradient(ctx.problem, Hyperparameters(*logs), x, u, **ctx.options)
        return *gradient, None, None, None, None
