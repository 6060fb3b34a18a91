r"""The penalty of a dynamic image: temporal smoothness and smoothed total variation.

.. math:: R(x) = \frac\eta2 \sum_{t\ge2} \|x_t - x_{t-1}\|^2
   + \sum_t \lambda_t \sum_n \sqrt{(D_h x_t)_n^2 + (D_v x_t)_n^2 + \epsilon^2},

with forward differences D that are zero past the last row and column (Chazottes et al. 2024, eq. 1). Images are
(..., T, x, y); every function is differentiable in the image and the hyperparameters.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from petrecon.deq.hyperparameters import Hyperparameters


def penalty_value(x: Tensor, theta: Hyperparameters) -> Tensor:
    """Return R(x), shape (...), summed in float64."""
    eta, lam, epsilon = theta.weights(x)
    a, b = _differences(x)
    return _value(x, torch.sqrt(a * a + b * b + epsilon * epsilon), eta, lam)


def slope_and_curvature(x: Tensor, theta: Hyperparameters) -> tuple[Tensor, Tensor]:
    r"""Return :math:`g = \nabla R(x)` and the diagonal d of a separable quadratic that majorises R at x.

    :math:`R(z) \le R(x) + \langle g, z - x\rangle + \frac12 \sum_j d_j (z_j - x_j)^2`: the square root of total
    variation is replaced by its tangent parabola (weights 1 / length) and every squared difference is split evenly
    between its two voxels (De Pierro 1995), which doubles its second derivative.
    """
    eta, lam, epsilon = theta.weights(x)
    a, b = _differences(x)
    return _slope_and_curvature(x, a, b, torch.sqrt(a * a + b * b + epsilon * epsilon), eta, lam)


def slope_curvature_value(x: Tensor, theta: Hyperparameters) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `slope_and_curvature` and `penalty_value` return, with the differences computed once."""
    eta, lam, epsilon = theta.weights(x)
    a, b = _differences(x)
    length = torch.sqrt(a * a + b * b + epsilon * epsilon)
    return *_slope_and_curvature(x, a, b, length, eta, lam), _value(x, length, eta, lam)


def penalty_gradient(x: Tensor, theta: Hyperparameters) -> Tensor:
    """Return ∇R(x), shape of x."""
    eta, lam, epsilon = theta.weights(x)
    a, b = _differences(x)
    w = lam * torch.rsqrt(a * a + b * b + epsilon * epsilon)
    return _transposed(a * w, b * w) + eta * _temporal(x)


def penalty_hessian(x: Tensor, theta: Hyperparameters) -> Callable[[Tensor], Tensor]:
    r"""Return the product v → ∇²R(x) v.

    Of one node, with differences :math:`g` and length :math:`\ell`, the Hessian in the differences is
    :math:`\lambda_t (I - g g^T / \ell^2) / \ell`.
    """
    eta, lam, epsilon = theta.weights(x)
    a, b = _differences(x)
    w = lam * torch.rsqrt(a * a + b * b + epsilon * epsilon)
    cubed = w * (w / lam) ** 2
    aa, ab, bb = w - cubed * a * a, -cubed * a * b, w - cubed * b * b

    def product(v: Tensor) -> Tensor:
        p, q = _differences(v)
        return _transposed(aa * p + ab * q, ab * p + bb * q).add_(_temporal(v), alpha=float(eta))

    return product


def _value(x: Tensor, length: Tensor, eta: Tensor, lam: Tensor) -> Tensor:
    temporal = 0.5 * eta * x.diff(dim=-3).square().sum((-3, -2, -1), dtype=torch.float64)
    return temporal + (lam[:, 0, 0] * length.sum((-2, -1), dtype=torch.float64)).sum(-1)


def _slope_and_curvature(
    x: Tensor, a: Tensor, b: Tensor, length: Tensor, eta: Tensor, lam: Tensor
) -> tuple[Tensor, Tensor]:
    w = lam / length
    g = _transposed(a * w, b * w) + eta * _temporal(x)
    d = 4 * w + 2 * eta * _temporal_edges(x)
    d[..., -1, :].sub_(w[..., -1, :], alpha=2)
    d[..., :, -1].sub_(w[..., :, -1], alpha=2)
    d[..., 1:, :].add_(w[..., :-1, :], alpha=2)
    d[..., :, 1:].add_(w[..., :, :-1], alpha=2)
    return g, d


def _differences(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return forward differences along x and y, zero past the last row and column."""
    a = torch.diff(x, dim=-2, append=x[..., -1:, :])
    return a, torch.diff(x, dim=-1, append=x[..., -1:])


def _transposed(a: Tensor, b: Tensor) -> Tensor:
    """Return the adjoint of `_differences`; a and b vanish past the last row and column."""
    g = -(a + b)
    g[..., 1:, :] += a[..., :-1, :]
    g[..., 1:] += b[..., :-1]
    return g


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
