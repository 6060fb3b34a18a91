r"""The penalty of a dynamic image: temporal smoothness and smoothed total variation of every frame.

.. math:: R(x) = \frac\eta2 \sum_{t\ge2} \|x_t - x_{t-1}\|^2
   + \sum_t \lambda_t \sum_n \sqrt{(D_h x_t)_n^2 + (D_v x_t)_n^2 + \epsilon^2},

the second term being `petrecon.reconstruct.SmoothedTV` with one strength per frame (Chazottes et al. 2024,
eq. 1). Images are (..., T, x, y); every function is differentiable in the image and the hyperparameters.
"""

from __future__ import annotations

import torch
from torch import Tensor

from petrecon.deq.hyperparameters import Hyperparameters
from petrecon.reconstruct import SmoothedTV
from petrecon.reconstruct.penalty import Product


def penalty_value(x: Tensor, theta: Hyperparameters) -> Tensor:
    """Return R(x), shape (...), summed in float64."""
    eta, tv = _terms(x, theta)
    return _temporal_value(x, eta) + tv.value(x).sum(-1)


def penalty_gradient(x: Tensor, theta: Hyperparameters) -> Tensor:
    """Return ∇R(x), shape of x."""
    eta, tv = _terms(x, theta)
    return tv.gradient(x).addcmul_(_temporal(x), eta)


def slope_and_curvature(x: Tensor, theta: Hyperparameters) -> tuple[Tensor, Tensor]:
    r"""Return :math:`g = \nabla R(x)` and the diagonal d of a separable quadratic that majorises R at x.

    :math:`R(z) \le R(x) + \langle g, z - x\rangle + \frac12 \sum_j d_j (z_j - x_j)^2`, see
    `petrecon.reconstruct.penalty`.
    """
    return slope_curvature_value(x, theta)[:2]


def slope_curvature_value(x: Tensor, theta: Hyperparameters) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `slope_and_curvature` and `penalty_value` return, with the differences computed once."""
    eta, tv = _terms(x, theta)
    g, d, value = tv.majoriser(x)
    value = value.sum(-1) + _temporal_value(x, eta)
    return g.addcmul_(_temporal(x), eta), d.add_(2 * eta * _temporal_edges(x)), value


def penalty_hessian(x: Tensor, theta: Hyperparameters) -> Product:
    """Return the product v → ∇²R(x) v, between images of the shape of x."""
    eta, tv = _terms(x, theta)
    in_space = tv.hessian_product(x)
    return lambda v: in_space(v).add_(_temporal(v), alpha=float(eta))


def _terms(x: Tensor, theta: Hyperparameters) -> tuple[Tensor, SmoothedTV]:
    """Return η and the spatial term, in the precision of x."""
    eta, lam, epsilon = (torch.exp(p).to(x) for p in theta)
    return eta, SmoothedTV(lam, 2, epsilon)


def _temporal_value(x: Tensor, eta: Tensor) -> Tensor:
    return 0.5 * eta * x.diff(dim=-3).square().sum((-3, -2, -1), dtype=torch.float64)


def _temporal(x: Tensor) -> Tensor:
    """Return the gradient of half the squared differences of consecutive frames."""
    step = x[..., 1:, :, :] - x[..., :-1, :, :]
    g = torch.zeros_like(x)
    g[..., 1:, :, :] += step
    g[..., :-1, :, :] -= step
    return g


def _temporal_edges(x: Tensor) -> Tensor:
    """Return the number of neighbouring frames of every frame, (T, 1, 1)."""
    frames = x.shape[-3]
    edges = torch.full((frames, 1, 1), 2.0, dtype=x.dtype, device=x.device)
    edges[0] -= 1
    edges[-1] -= 1
    return edges
