"""The Hessian of the objective at a minimiser, as a product, with the majoriser's diagonal as its preconditioner."""

from __future__ import annotations

import torch
from torch import Tensor

from petrecon.deq.anderson import Map, Report, check_report
from petrecon.deq.hyperparameters import Hyperparameters
from petrecon.deq.penalty import penalty_hessian, slope_and_curvature
from petrecon.deq.problem import Problem


def hessian_product(x: Tensor, problem: Problem, theta: Hyperparameters) -> Map:
    r"""Return v → ∇²f(x) v; one projection and one back projection each.

    .. math:: \nabla^2 f = A^T \mathrm{diag}\!\left(\frac{y}{(A x + \beta)^2}\right) A + \nabla^2 R_\theta(x)

    Parameters
    ----------
    x : Tensor, (B, T, x, y)
        Activity [kBq/mL].
    problem : Problem
    theta : Hyperparameters

    Returns
    -------
    callable
        From images (B, T, x, y) to images of this shape.
    """
    weights = problem.counts / (problem.operator(x) + problem.line_background).square()
    penalty = penalty_hessian(x, theta)

    def product(v: Tensor) -> Tensor:
        return problem.operator.adjoint(problem.operator(v).mul_(weights)).add_(penalty(v))

    return product


def majoriser_diagonal(x: Tensor, problem: Problem, theta: Hyperparameters) -> Tensor:
    """Return d + e / u, the diagonal Hessian of the surrogate at its minimum x: it lies above ∇²f.

    Parameters
    ----------
    x : Tensor, (B, T, x, y)
        The minimiser [kBq/mL].
    problem : Problem
    theta : Hyperparameters

    Returns
    -------
    Tensor, (B, T, x, y)
    """
    _, d = slope_and_curvature(x, theta)
    return d + problem.operator.adjoint(problem.ratio(x)) / (x + problem.shift).clamp_min(1e-12)


def conjugate_gradient(
    product: Map,
    u: Tensor,
    diagonal: Tensor,
    free: Tensor,
    v0: Tensor | None = None,
    *,
    tol: float,
    max_iterations: int = 500,
    on_failure: str = "raise",
) -> tuple[Tensor, Report]:
    r"""Solve H v = u on the free voxels, v = 0 elsewhere, by preconditioned conjugate gradients, per sample.

    Parameters
    ----------
    product : callable
        v → H v, (B, ...), symmetric positive definite on the free voxels.
    u : Tensor, (B, ...)
    diagonal : Tensor, (B, ...)
        Preconditioner, > 0.
    free : Tensor, (B, ...), bool
    v0 : Tensor, (B, ...), optional
        Start.
    tol : float
        On the residual in the norm of the preconditioner, relative to u.
    max_iterations, on_failure
        As `petrecon.deq.anderson`.

    Returns
    -------
    v : Tensor, (B, ...)
    report : Report

    Raises
    ------
    NotConverged
        As `on_failure` says.
    """
    batch = len(u)
    lead = (batch, *(1,) * (u.ndim - 1))
    inverse = diagonal.reciprocal()

    def dot(a: Tensor, b: Tensor) -> Tensor:
        return torch.bmm(a.reshape(batch, 1, -1), b.reshape(batch, -1, 1)).reshape(lead)

    right = u * free
    scale = dot(right, right * inverse).clamp_min(torch.finfo(u.dtype).tiny)
    warm = v0 is not None
    v = torch.zeros_like(u) if v0 is None else v0 * free
    r = right - product(v) * free if warm else right.clone()
    z = r * inverse
    rho = dot(r, z)
    p = z.clone()
    iterations = torch.full((batch,), int(warm), dtype=torch.int64)
    for _ in range(max_iterations):
        active = rho > tol**2 * scale
        if not bool(active.any()):
            break
        iterations[active.flatten().cpu()] += 1
        h = product(p).mul_(free)
        step = torch.where(active, rho / dot(p, h).clamp_min(torch.finfo(u.dtype).tiny), 0.0)
        v.addcmul_(step, p)
        r.addcmul_(step, h, value=-1)
        torch.mul(r, inverse, out=z)
        new = dot(r, z)
        beta = torch.where(active, new / rho.clamp_min(torch.finfo(u.dtype).tiny), 0.0)
        rho = torch.where(active, new, rho)
        p.mul_(beta).add_(z)
    residual = (rho / scale).clamp_min(0.0).sqrt().flatten().double().cpu()
    report = Report((residual <= tol) & torch.isfinite(residual), iterations, residual)
    check_report(report, on_failure, "the adjoint system")
    return v, report
