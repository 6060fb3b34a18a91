"""Smoothed total variation, which flattens and keeps edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from petrecon.errors import ParameterError
from petrecon.reconstruct.neighbours import VoxelSize, relative_steps
from petrecon.reconstruct.penalty import Product, check_parameters


@dataclass(frozen=True, eq=False)
class SmoothedTV:
    r"""Smoothed total variation, :math:`R = strength \sum_n \sqrt{\|(Dx)_n\|^2 + \epsilon^2}`.

    D are forward differences (per shortest step), zero past the last voxel of every axis.

    Parameters
    ----------
    strength : float, or Tensor (...)
        In mL/kBq; a tensor has one value per image, or broadcasts to the images' leading axes (one per frame,
        say).
    dims : int
        Number of image axes.
    epsilon : float, or Tensor (...)
        In kBq/mL, above 0: the difference between neighbours below which R is quadratic.
    voxel_size : tuple of float, optional
        In mm, one per image axis: without it they are taken as equal. Give it where slices are thicker than
        pixels.

    Raises
    ------
    ParameterError
        For a strength or epsilon that is negative or not finite, epsilon = 0, or a voxel size that does not
        fit.

    Notes
    -----
    Source: Chazottes et al. 2024, eq. 1. Majoriser by half-quadratic weights: the root is replaced by its
    tangent parabola (weights 1 / length) and every squared difference is split evenly between its two voxels
    (De Pierro 1995), which doubles its second derivative. Every method is differentiable in image, strength
    and epsilon.

    Examples
    --------
    >>> import torch
    >>> edge = torch.tensor([[0.0, 0.0, 5.0, 5.0]])
    >>> round(float(SmoothedTV(2.0, epsilon=1e-3).value(edge)), 2)
    10.01
    >>> per_frame = SmoothedTV(torch.tensor([1.0, 2.0, 4.0]))
    >>> per_frame.value(torch.rand(8, 3, 20, 24)).shape, per_frame.gradient(torch.rand(3, 20, 24)).shape
    (torch.Size([8, 3]), torch.Size([3, 20, 24]))
    """

    strength: float | Tensor
    dims: int = 2
    epsilon: float | Tensor = 0.1
    voxel_size: VoxelSize | None = None
    exact_majoriser: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check strength, epsilon and the voxel size; epsilon = 0 has no gradient where the image is flat."""
        check_parameters(strength=self.strength, epsilon=self.epsilon)
        relative_steps(self.voxel_size, self.dims)
        if bool(torch.as_tensor(self.epsilon == 0).any()):
            raise ParameterError(
                "the epsilon of smoothed total variation is above 0: at 0 flat images have no gradient"
            )

    def value(self, x: Tensor) -> Tensor:
        """Return R of each image (..., *image_shape), shape (...), float64."""
        return self._value(self._length(self._differences(x.double())))

    def gradient(self, x: Tensor) -> Tensor:
        """Return ∂R/∂x = Dᵀ(strength · Dx / length) of images (..., *image_shape), their shape."""
        parts = self._differences(x)
        return self._gradient(parts, self._weights(self._length(parts)))

    def curvature(self, x: Tensor) -> Tensor:
        """Return 2 strength Σ_edges 1 / length per voxel of images (..., *image_shape), their shape."""
        return self._curvature(self._weights(self._length(self._differences(x))))

    def majoriser(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return gradient, curvature and value at x, all three from one pass over the differences.

        The value is summed in float64, over terms in the precision of x.
        """
        parts = self._differences(x)
        length = self._length(parts)
        weights = self._weights(length)
        return self._gradient(parts, weights), self._curvature(weights), self._value(length)

    def hessian_product(self, x: Tensor) -> Product:
        r"""Return v → ∇²R(x) v, between images of the shape of x.

        Of one voxel, with differences g and length ℓ, the Hessian in the differences is strength (I - g gᵀ /
        ℓ²) / ℓ.
        """
        parts = self._differences(x)
        length = self._length(parts)
        weights = self._weights(length)
        unit = [part / length for part in parts]
        bend = [[-weights * a * b for b in unit[: i + 1]] for i, a in enumerate(unit)]
        for i, row in enumerate(bend):
            row[i] += weights

        def product(v: Tensor) -> Tensor:
            along = self._differences(v)
            flows = [
                sum((bend[max(i, k)][min(i, k)] * along[k] for k in range(1, self.dims)), bend[i][0] * along[0])
                for i in range(self.dims)
            ]
            return self._transposed(flows)

        return product

    def _differences(self, x: Tensor) -> list[Tensor]:
        """Return the forward differences along each axis per shortest step, zero past the last voxel."""
        parts = []
        for axis, step in zip(range(-self.dims, 0), relative_steps(self.voxel_size, self.dims), strict=True):
            part = torch.diff(x, dim=axis, append=x.narrow(axis, x.shape[axis] - 1, 1))
            parts.append(part if step == 1 else part / step)
        return parts

    def _transposed(self, flows: list[Tensor]) -> Tensor:
        """Return the adjoint of `_differences`, of flows that vanish past the last voxel of their axis."""
        steps = relative_steps(self.voxel_size, self.dims)
        flows = [flow if step == 1 else flow / step for flow, step in zip(flows, steps, strict=True)]
        g = -sum(flows[1:], flows[0])
        for axis, flow in zip(range(-self.dims, 0), flows, strict=True):
            inner = flow.shape[axis] - 1
            g.narrow(axis, 1, inner).add_(flow.narrow(axis, 0, inner))
        return g

    def _length(self, parts: list[Tensor]) -> Tensor:
        epsilon = self._per_image(self.epsilon, parts[0])
        return torch.sqrt(sum((p * p for p in parts[1:]), parts[0] * parts[0]) + epsilon * epsilon)

    def _weights(self, length: Tensor) -> Tensor:
        return self._per_image(self.strength, length) / length

    def _value(self, length: Tensor) -> Tensor:
        strength = self.strength.to(length) if isinstance(self.strength, Tensor) else self.strength
        return strength * length.sum(tuple(range(-self.dims, 0)), dtype=torch.float64)

    def _gradient(self, parts: list[Tensor], weights: Tensor) -> Tensor:
        return self._transposed([part * weights for part in parts])

    def _curvature(self, weights: Tensor) -> Tensor:
        edges = [2 / step**2 for step in relative_steps(self.voxel_size, self.dims)]
        d = sum(edges) * weights
        for axis, edge in zip(range(-self.dims, 0), edges, strict=True):
            inner = weights.shape[axis] - 1
            d.narrow(axis, inner, 1).sub_(weights.narrow(axis, inner, 1), alpha=edge)
            d.narrow(axis, 1, inner).add_(weights.narrow(axis, 0, inner), alpha=edge)
        return d

    def _per_image(self, value: float | Tensor, like: Tensor) -> float | Tensor:
        if not isinstance(value, Tensor):
            return value
        return value.to(like)[(...,) + (None,) * self.dims]
