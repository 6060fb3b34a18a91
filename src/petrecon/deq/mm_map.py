r"""One majorisation-minimisation step as a map :math:`x \mapsto f_\theta(x; y)` whose fixed point is the minimiser.

The likelihood is majorised by the EM surrogate in :math:`u = x + z`, where z is a uniform activity that the background
can explain (Fessler and Hero 1995): zero is then reached in finitely many steps and left again when it should be. The
penalty is majorised by separable quadratics. Per voxel the minimum is the non-negative root of

.. math:: d u^2 + (s + g - d u^k) u - u^k e = 0, \qquad x = \max(0, u - z).
"""

from __future__ import annotations

import torch
from torch import Tensor

from petrecon.deq.hyperparameters import Hyperparameters
from petrecon.deq.penalty import slope_and_curvature, slope_curvature_value
from petrecon.deq.problem import Problem, objective


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
        False gives De Pierro's plain EM map, for which zero is absorbing: with acceleration it can stop at a point
        that is not the minimiser.

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
    u = x + z
    q = u * problem.operator.adjoint(ratio)
    return (positive_root(d, problem.sensitivity + g - d * u, q) - z).clamp_min(0.0)


def positive_root(d: Tensor, p: Tensor, q: Tensor) -> Tensor:
    r"""Return the root u >= 0 of d u² + p u - q = 0 for d > 0, q >= 0, without cancellation.

    With :math:`r = |p| + \sqrt{p^2 + 4 d q}` it is :math:`2q/r` where p >= 0 and :math:`r/2d` elsewhere. Both
    branches are finite everywhere, so that derivatives are too.
    """
    tiny = 1e-30
    r = p.abs() + torch.sqrt(p * p + 4 * d * q + tiny)
    return torch.where(p >= 0, 2 * q / r, r / (2 * d + tiny))


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
