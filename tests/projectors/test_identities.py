"""The shared checks notice what they exist for."""

from __future__ import annotations

import pytest
import torch

from petrecon.projectors import LinearOperator, identities

F64 = torch.float64


class Dense(LinearOperator):
    """A 6 x 12 matrix and, as its 'adjoint', any 12 x 6 matrix."""

    def __init__(self, matrix, other):
        super().__init__((4, 3), (6,))
        self.matrix, self.other = matrix, other

    def _forward(self, x):
        return x.reshape(len(x), -1) @ self.matrix.T

    def _adjoint(self, y):
        return (y @ self.other.T).reshape(-1, 4, 3)


MATRIX = torch.rand(6, 12, dtype=F64, generator=torch.Generator().manual_seed(0))


def test_a_true_pair_passes():
    good = Dense(MATRIX, MATRIX.T)
    assert identities.dot_product_error(good, F64) < 1e-15
    assert identities.linearity_error(good, F64) < 1e-14
    assert identities.derivative_error(good, F64) < 1e-14
    assert identities.batch_error(good, F64) < 1e-14
    assert identities.stride_error(good, F64) == 0


def test_one_wrong_entry_in_a_thousandth_is_noticed():
    other = MATRIX.T.clone()
    other[3, 2] *= 1.001
    assert identities.dot_product_error(Dense(MATRIX, other), F64) > 1e-6


def test_an_offset_is_noticed():
    class Affine(Dense):
        def _forward(self, x):
            return super()._forward(x) + 1e-3

    assert identities.linearity_error(Affine(MATRIX, MATRIX.T), F64) > 1e-4


def test_a_layer_that_detaches_in_its_backward_is_noticed():
    """Its first derivative is right and its Hessian-vector product is not."""

    class Detached(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, operator, transposed):
            ctx.operator, ctx.transposed = operator, transposed
            return operator._batched(x, transposed)

        @staticmethod
        def backward(ctx, gradient):
            return ctx.operator._batched(gradient.detach(), not ctx.transposed), None, None

    class Careless(Dense):
        def _apply(self, x, transposed):
            return Detached.apply(x, self, transposed)

    careless = Careless(MATRIX, MATRIX.T)
    x = torch.rand(4, 3, dtype=F64, requires_grad=True)
    (gradient,) = torch.autograd.grad(careless(x).sum(), x)
    torch.testing.assert_close(gradient, careless.adjoint(torch.ones(6, dtype=F64)))
    with pytest.raises(RuntimeError):
        identities.derivative_error(careless, F64)


def test_an_operator_that_mixes_its_batch_is_noticed():
    class Mixing(Dense):
        def _forward(self, x):
            return super()._forward(x - x.mean(0))

    assert identities.batch_error(Mixing(MATRIX, MATRIX.T), F64) > 0.1
