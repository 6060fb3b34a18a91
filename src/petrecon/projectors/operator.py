"""Linear operators on the trailing axes of a tensor, with exact derivatives written once."""

from __future__ import annotations

import math
from typing import Any

import torch

from petrecon.errors import InputError


class LinearOperator:
    r"""A linear map :math:`A` from ``(..., *in_shape)`` to ``(..., *out_shape)``; leading axes are a batch.

    ``A(x)`` applies it, ``A.adjoint(y)`` its adjoint, ``A.T`` is the adjoint as an operator, ``A @ B``
    composes. Tensors come back with the dtype and on the device of the input. Both directions are
    differentiable to any order, in reverse and forward mode and under ``torch.func.vmap``, because the
    derivative of a linear map is the map: backward of :math:`A` is :math:`A^T` and backward of :math:`A^T` is
    :math:`A`, through the same function.

    A subclass gives `_forward` and `_adjoint` on one batch axis, ``(batch, *shape)``, without any autograd.

    Parameters
    ----------
    in_shape, out_shape : tuple of int

    Attributes
    ----------
    in_shape, out_shape : tuple of int
        Trailing shapes of the input and the output.
    """

    def __init__(self, in_shape: tuple[int, ...], out_shape: tuple[int, ...]) -> None:
        self.in_shape = tuple(in_shape)
        self.out_shape = tuple(out_shape)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the operator to ``(..., *in_shape)``.

        Raises
        ------
        InputError
            If `x` is not a floating-point tensor whose trailing shape is `in_shape`.
        """
        return self._apply(self._checked(x, self.in_shape), transposed=False)

    def adjoint(self, y: torch.Tensor) -> torch.Tensor:
        """Apply the adjoint to ``(..., *out_shape)``; raises as `__call__`."""
        return self._apply(self._checked(y, self.out_shape), transposed=True)

    @property
    def T(self) -> LinearOperator:
        """The adjoint as an operator of its own."""
        return _Transposed(self)

    def __matmul__(self, inner: LinearOperator) -> LinearOperator:
        """Return the composition: ``(A @ B)(x) == A(B(x))``."""
        return _Composed(self, inner)

    def norm(self, seed: int = 0, iterations: int = 50) -> float:
        """Return the largest singular value, by power iteration from a seeded start."""
        x = torch.randn(self.in_shape, generator=torch.Generator().manual_seed(seed))
        value = 0.0
        with torch.no_grad():
            for _ in range(iterations):
                x = self.adjoint(self(x / x.norm()))
                value = math.sqrt(float(x.norm()))
                if value == 0.0:
                    return 0.0
        return value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_shape} -> {self.out_shape})"

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def _adjoint(self, y: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def _apply(self, x: torch.Tensor, transposed: bool) -> torch.Tensor:
        return _Linear.apply(x, self, transposed)

    def _batched(self, x: torch.Tensor, transposed: bool) -> torch.Tensor:
        """Flatten the leading axes, apply the bare map, put them back."""
        before, after = (self.out_shape, self.in_shape) if transposed else (self.in_shape, self.out_shape)
        lead = x.shape[: x.ndim - len(before)]
        if math.prod(lead) == 0:
            return x.new_zeros(*lead, *after)
        flat = x.detach().reshape(-1, *before)
        result = self._adjoint(flat) if transposed else self._forward(flat)
        return result.to(x.dtype).reshape(*lead, *after)

    def _checked(self, x: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        if not isinstance(x, torch.Tensor):
            raise InputError(f"{type(self).__name__} needs a torch tensor, not {type(x).__name__}: use torch.as_tensor")
        if not x.is_floating_point():
            raise InputError(f"{type(self).__name__} needs floating-point values, not {x.dtype}: use .float()")
        if x.ndim < len(shape) or tuple(x.shape[x.ndim - len(shape) :]) != shape:
            raise InputError(
                f"{type(self).__name__} got shape {tuple(x.shape)}, needs (..., {', '.join(map(str, shape))})"
            )
        return x


class _Linear(torch.autograd.Function):
    """A linear map whose every derivative is itself or its adjoint."""

    @staticmethod
    def forward(x: torch.Tensor, operator: LinearOperator, transposed: bool) -> torch.Tensor:
        return operator._batched(x, transposed)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: torch.Tensor) -> None:
        _, ctx.operator, ctx.transposed = inputs

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple:
        return _Linear.apply(gradient, ctx.operator, not ctx.transposed), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: torch.Tensor, *_: None) -> torch.Tensor:
        return _Linear.apply(tangent, ctx.operator, ctx.transposed)

    @staticmethod
    def vmap(info: Any, in_dims: tuple, x: torch.Tensor, operator: LinearOperator, transposed: bool) -> tuple:
        return _Linear.apply(x.movedim(in_dims[0], 0), operator, transposed), 0


class _Transposed(LinearOperator):
    """The adjoint of an operator."""

    def __init__(self, operator: LinearOperator) -> None:
        super().__init__(operator.out_shape, operator.in_shape)
        self._operator = operator

    @property
    def T(self) -> LinearOperator:
        return self._operator

    def _apply(self, x: torch.Tensor, transposed: bool) -> torch.Tensor:
        return self._operator._apply(x, not transposed)


class _Composed(LinearOperator):
    """One operator after another."""

    def __init__(self, outer: LinearOperator, inner: LinearOperator) -> None:
        if inner.out_shape != outer.in_shape:
            raise InputError(f"cannot compose: the inner gives {inner.out_shape}, the outer needs {outer.in_shape}")
        super().__init__(inner.in_shape, outer.out_shape)
        self._outer, self._inner = outer, inner

    def _apply(self, x: torch.Tensor, transposed: bool) -> torch.Tensor:
        if transposed:
            return self._inner._apply(self._outer._apply(x, True), True)
        return self._outer._apply(self._inner._apply(x, False), False)
