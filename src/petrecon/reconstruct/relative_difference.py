"""The relative-difference penalty, which smooths in proportion to the activity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from petrecon.reconstruct.neighbours import Index, VoxelSize, adjacent, relative_steps
from petrecon.reconstruct.penalty import Product, check_parameters


@dataclass(frozen=True)
class RelativeDifference:
    """Relative-difference penalty, R = strength · Σ_pairs w d² / (x_j + x_k + gamma |d| + epsilon), d = x_j - x_k.

    Smooths flat regions in proportion to their activity and spares edges; w = shortest step / distance.

    Parameters
    ----------
    strength : float
        In mL/kBq.
    dims : int
        Number of image axes.
    gamma : float
        Dimensionless; 2 is usual, more spares edges more.
    epsilon : float
        In kBq/mL; keeps R differentiable at zero.
    full_neighbourhood : bool
        Whether voxels that touch at an edge or a corner are neighbours too.
    voxel_size : tuple of float, optional
        In mm, one per image axis: without it they are taken as equal. Give it where slices are thicker than
        pixels.

    Raises
    ------
    ParameterError
        For a parameter that is negative or not finite, or a voxel size that does not fit.

    Notes
    -----
    Source: Nuyts et al. 2002, eq. 8. Written out, the Hessian of one pair is 2 w c cᵀ / D³ with the
    denominator D and c = (2 x_k + epsilon, -(2 x_j + epsilon)): convex, whatever gamma.

    Examples
    --------
    >>> import torch
    >>> penalty = RelativeDifference(1.0, gamma=0.0, epsilon=0.0, full_neighbourhood=False)
    >>> float(penalty.value(torch.tensor([[1.0, 3.0]])))
    1.0
    >>> float(penalty.value(torch.tensor([[10.0, 30.0]])))
    10.0
    >>> penalty.gradient(torch.ones(8, 5, 6)).shape
    torch.Size([8, 5, 6])
    """

    strength: float
    dims: int = 2
    gamma: float = 2.0
    epsilon: float = 1e-3
    full_neighbourhood: bool = True
    voxel_size: VoxelSize | None = None
    exact_majoriser: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check strength, gamma, epsilon and the voxel size."""
        check_parameters(strength=self.strength, gamma=self.gamma, epsilon=self.epsilon)
        relative_steps(self.voxel_size, self.dims)

    def _pairs(self) -> Iterator[tuple[Index, Index, float]]:
        return adjacent(relative_steps(self.voxel_size, self.dims), self.full_neighbourhood)

    def _terms(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        return a - b, a + b + self.gamma * (a - b).abs() + self.epsilon

    def value(self, x: Tensor) -> Tensor:
        """Return R of each image (..., *image_shape), shape (...), float64."""
        total = torch.zeros(x.shape[: -self.dims], dtype=torch.float64, device=x.device)
        for j, k, w in self._pairs():
            diff, size = self._terms(x[j].double(), x[k].double())
            total = total + w * (diff**2 / size).sum(tuple(range(-self.dims, 0)))
        return self.strength * total

    def gradient(self, x: Tensor) -> Tensor:
        """Return ∂R/∂x of images (..., *image_shape), their shape."""
        g = torch.zeros_like(x)
        for j, k, w in self._pairs():
            diff, size = self._terms(x[j], x[k])
            ratio = diff / size
            bend = self.gamma * ratio * ratio * diff.sign()
            g[j] += w * (2 * ratio - ratio * ratio - bend)
            g[k] -= w * (2 * ratio + ratio * ratio - bend)
        return self.strength * g

    def curvature(self, x: Tensor) -> Tensor:
        """Return twice the second derivative at x, its shape: a first guess, to be checked by the caller."""
        d = torch.zeros_like(x)
        for j, k, w in self._pairs():
            _, size = self._terms(x[j], x[k])
            d[j] += 4 * w * (2 * x[k] + self.epsilon) ** 2 / size**3
            d[k] += 4 * w * (2 * x[j] + self.epsilon) ** 2 / size**3
        return self.strength * d

    def hessian_product(self, x: Tensor) -> Product:
        """Return v → ∇²R(x) v, between images of the shape of x."""
        pairs = []
        for j, k, w in self._pairs():
            _, size = self._terms(x[j], x[k])
            pairs.append((j, k, 2 * self.strength * w / size**3, 2 * x[k] + self.epsilon, 2 * x[j] + self.epsilon))

        def product(v: Tensor) -> Tensor:
            h = torch.zeros_like(v)
            for j, k, weight, of_j, of_k in pairs:
                bend = weight * (of_j * v[j] - of_k * v[k])
                h[j] += of_j * bend
                h[k] -= of_k * bend
            return h

        return product
