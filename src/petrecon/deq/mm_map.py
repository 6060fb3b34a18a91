r"""One majorisation-minimisation step as a map :math:`x \mapsto f_\theta(x; y)` whose fixed point is the minimiser.

It is an iteration of `petrecon.reconstruct.map_em`, for many realisations and frames at once and
differentiable; both take their step from `petrecon.reconstruct.majorise`, where the formula stands.
"""

from __future__ import annotations

import torch
from torch import Tensor

from petrecon.deq.hyperparameters import Hyperparameters
from petrecon.deq.objective import objective
from petrecon.deq.penalty import slope_and_curvature, slope_curvature_value
from petrecon.deq.problem import Problem
from petrecon.reconstruct.majorise import surrogate_step


def mm_map(x: Tensor, problem: Problem, theta: Hyperparameters, *, shifted: bool = True) -> Tensor:
    """Return f_θ(x; y), the minimiser of the surrogate at x; one projection and one back projection.

    Parameters
    ----------
    x : Tensor, (B, T, x, y)
        Activity [kBq/mL], >= 0. All realisations and frames go through the projector at once.
    problem : Problem
        Of the same B realisations.
    theta : Hyperparameters
    shifted : bool
        False gives De Pierro's plain EM map, for which zero is absorbing: with acceleration it can stop at a
        point that is not the minimiser.

    Returns
    -------
    Tensor, (B, T, x, y)
        Differentiable in x and θ. The objective never rises from x to it.
    """
    return _step(x, problem.ratio(x), *slope_and_curvature(x, theta), problem, shifted)


def mm_map_and_value(
    x: Tensor, problem: Problem, theta: Hyperparameters, *, shifted: bool = True
) -> tuple[Tensor, Tensor]:
    """Return f_θ(x; y) and, almost for free, the objective at x up to a constant of y, (B,), float64."""
    expected = problem.operator(x) + problem.line_background
    ratio = problem.counts / expected
    g, d, value = slope_curvature_value(x, theta)
    value = value + (problem.sensitivity * x).sum((-3, -2, -1), dtype=torch.float64)
    value = value - expected.log_().mul_(problem.counts).sum((-3, -2, -1), dtype=torch.float64)
    return _step(x, ratio, g, d, problem, shifted), value


def _step(x: Tensor, ratio: Tensor, g: Tensor, d: Tensor, problem: Problem, shifted: bool) -> Tensor:
    z = problem.shift if shifted else torch.zeros_like(problem.shift)
    return surrogate_step(x, problem.operator.adjoint(ratio), problem.sensitivity + g, d, z)


def surrogate(x: Tensor, at: Tensor, problem: Problem, theta: Hyperparameters, *, shifted: bool = True) -> Tensor:
    r"""Return the majoriser Q(x | at) >= f(x) of each realisation, (B,), float64; equal to f at x = `at`.

    .. math:: Q = f(x^k) + \sum_j s_j (x_j - x_j^k) - u_j^k e_j \log\frac{u_j}{u_j^k} + g_j (x_j - x_j^k)
       + \tfrac12 d_j (x_j - x_j^k)^2
    """
    z = problem.shift.double() if shifted else 0.0
    e = problem.operator.adjoint(problem.ratio(at)).double()
    g, d = (part.double() for part in slope_and_curvature(at, theta))
    step, u, u_at = x.double() - at.double(), x.double() + z, at.double() + z
    change = (problem.sensitivity.double() + g) * step + 0.5 * d * step * step
    change = change - torch.xlogy(u_at * e, u / u_at.clamp_min(1e-300))
    return objective(at, problem, theta) + change.sum((-3, -2, -1))
