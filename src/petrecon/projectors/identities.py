"""Identities that every linear operator obeys; each function returns how far an operator is from one."""

from __future__ import annotations

import torch

from petrecon.projectors.operator import LinearOperator


def _draw(shape: tuple[int, ...], seed: int, dtype: torch.dtype) -> torch.Tensor:
    """Zero-mean normal draws: all-positive vectors would hide errors that cancel."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def _relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm().clamp_min(1e-300))


def dot_product_error(operator: LinearOperator, dtype: torch.dtype, seeds: int = 25) -> float:
    r"""Return the worst :math:`|\langle Ax,y\rangle - \langle x,A^Ty\rangle| / (\|Ax\|\|y\|)` over seeds."""
    worst = 0.0
    for seed in range(seeds):
        x, y = _draw(operator.in_shape, 2 * seed, dtype), _draw(operator.out_shape, 2 * seed + 1, dtype)
        ax, aty = operator(x).double(), operator.adjoint(y).double()
        gap = (ax * y.double()).sum() - (x.double() * aty).sum()
        worst = max(worst, float(gap.abs() / (ax.norm() * y.double().norm())))
    return worst


def linearity_error(operator: LinearOperator, dtype: torch.dtype) -> float:
    """Return the relative difference of A(2x - 3z) and 2 A(x) - 3 A(z)."""
    x, z = _draw(operator.in_shape, 0, dtype), _draw(operator.in_shape, 1, dtype)
    return _relative(operator(2 * x - 3 * z), 2 * operator(x) - 3 * operator(z))


def derivative_error(operator: LinearOperator, dtype: torch.dtype) -> float:
    r"""Return the worst relative error of the derivatives, of the operator and of its adjoint.

    The vector-Jacobian product of :math:`A` must be :math:`A^T` and that of :math:`A^T` must be :math:`A`;
    the Jacobian-vector product is the map itself; the Hessian-vector product of :math:`\tfrac12\|Ax\|^2` is
    :math:`A^T A v` (a layer that detaches inside its backward gets this one wrong, silently).
    """
    worst = 0.0
    for a in (operator, operator.T):
        x = _draw(a.in_shape, 0, dtype).requires_grad_()
        v, w = _draw(a.in_shape, 1, dtype), _draw(a.out_shape, 2, dtype)
        worst = max(worst, _relative(torch.autograd.grad(a(x), x, w)[0], a.adjoint(w)))
        worst = max(worst, _relative(torch.func.jvp(a, (x.detach(),), (v,))[1], a(v)))
        (gradient,) = torch.autograd.grad(0.5 * a(x).square().sum(), x, create_graph=True)
        (product,) = torch.autograd.grad(gradient, x, v)
        worst = max(worst, _relative(product, a.adjoint(a(v))))
    return worst


def batch_error(operator: LinearOperator, dtype: torch.dtype, batch: int = 5) -> float:
    """Return the relative difference of a batch and a loop over it, also under vmap, both ways."""
    worst = 0.0
    for a in (operator, operator.T):
        x = _draw((batch, *a.in_shape), 0, dtype)
        loop = torch.stack([a(member) for member in x])
        worst = max(worst, _relative(a(x), loop), _relative(torch.func.vmap(a)(x), loop))
        worst = max(worst, _relative(a(x[:, None])[:, 0], loop))
    return worst


def stride_error(operator: LinearOperator, dtype: torch.dtype) -> float:
    """Return the relative difference of a non-contiguous input and its contiguous copy, both ways."""
    worst = 0.0
    for a in (operator, operator.T):
        x = _draw((2, *a.in_shape[::-1]), 0, dtype)
        turned = x.permute(0, *range(x.ndim - 1, 0, -1))
        worst = max(worst, _relative(a(turned), a(turned.contiguous())))
    return worst
