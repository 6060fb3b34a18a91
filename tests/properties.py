"""Properties that every linear operator of the library must have; each raises with the measured value."""

from __future__ import annotations

import torch

from petrecon.projectors import LinearOperator, identities


def rounding(dtype: torch.dtype) -> float:
    """Largest relative error that is rounding: the project's bars for float64 and float32."""
    return 1e-12 if dtype == torch.float64 else 1e-5


def assert_adjoint(operator: LinearOperator, dtype: torch.dtype) -> None:
    """<Ax, y> = <x, A'y> for 25 seeds of zero-mean vectors, relative to |Ax| |y|."""
    measured = identities.dot_product_error(operator, dtype)
    assert measured <= rounding(dtype), f"dot-product test: {measured:.3g}"


def assert_linear(operator: LinearOperator, dtype: torch.dtype) -> None:
    """A(2x - 3z) = 2 A(x) - 3 A(z)."""
    measured = identities.linearity_error(operator, dtype)
    assert measured <= rounding(dtype), f"linearity: {measured:.3g}"


def assert_exact_derivatives(operator: LinearOperator, dtype: torch.dtype) -> None:
    """vjp of A is A', vjp of A' is A, jvp is the map, Hessian-vector product of |Ax|^2 / 2 is A'A v."""
    measured = identities.derivative_error(operator, dtype)
    assert measured <= (1e-10 if dtype == torch.float64 else 1e-5), f"derivatives: {measured:.3g}"


def assert_batch_is_loop(operator: LinearOperator, dtype: torch.dtype) -> None:
    """A batch, one or two leading axes or vmap, gives what a loop gives."""
    measured = identities.batch_error(operator, dtype)
    assert measured <= rounding(dtype), f"batch against loop: {measured:.3g}"


def assert_strides_do_not_matter(operator: LinearOperator, dtype: torch.dtype) -> None:
    """A non-contiguous input gives what its contiguous copy gives."""
    measured = identities.stride_error(operator, dtype)
    assert measured <= rounding(dtype), f"non-contiguous input: {measured:.3g}"


def assert_gradcheck(operator: LinearOperator) -> None:
    """First and second derivatives against finite differences, also under vmap (float64, small operators)."""
    for a in (operator, operator.T):
        x = torch.randn(a.in_shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        x.requires_grad_()
        assert torch.autograd.gradcheck(a, x, check_forward_ad=True)
        assert torch.autograd.gradgradcheck(lambda z, a=a: a(z).square(), x)
        torch.testing.assert_close(torch.func.jacrev(a)(x.detach()), torch.func.jacfwd(a)(x.detach()))


def assert_linear_operator(operator: LinearOperator, dtype: torch.dtype) -> None:
    """Assert everything above but the finite differences."""
    assert_adjoint(operator, dtype)
    assert_linear(operator, dtype)
    assert_exact_derivatives(operator, dtype)
    assert_batch_is_loop(operator, dtype)
    assert_strides_do_not_matter(operator, dtype)
