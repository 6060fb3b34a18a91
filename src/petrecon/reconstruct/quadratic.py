"""Quadratic smoothing over pairs of voxels; the weights are a subclass's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from petrecon.reconstruct.neighbours import Index, VoxelSize, adjacent, relative_steps
from petrecon.reconstruct.penalty import Product, check_parameters


class WeightedPairs:
    r"""R(x) = strength · Σ_pairs w ½ (x_j - x_k)²; a subclass has a `strength`, `dims` and the pairs.

    The gradient is linear, so it is the Hessian too. Separating every squared difference into one of each
    voxel doubles its second derivative (De Pierro 1995).
    """

    strength: float
    exact_majoriser: ClassVar[bool] = True

    @property
    def dims(self) -> int:
        """Number of image axes."""
        raise NotImplementedError

    def _pairs(self) -> Iterable[tuple[Index, Index, float | Tensor]]:
        """Slices of the first voxel and of its neighbour, and the weight of each such pair; every pair once."""
        raise NotImplementedError

    def value(self, x: Tensor) -> Tensor:
        """Return R of each image (..., *image_shape), shape (...), float64."""
        axes = tuple(range(-self.dims, 0))
        total = torch.zeros(x.shape[: x.ndim - len(axes)], dtype=torch.float64, device=x.device)
        for j, k, w in self._pairs():
            squares = (x[j] - x[k]).double() ** 2
            total = total + 0.5 * (_like(squares, w) * squares).sum(axes)
        return self.strength * total

    def gradient(self, x: Tensor) -> Tensor:
        """Return ∂R/∂x of images (..., *image_shape), their shape."""
        g = torch.zeros_like(x)
        for j, k, w in self._pairs():
            slope = _like(x, w) * (x[j] - x[k])
            g[j] += slope
            g[k] -= slope
        return self.strength * g

    def curvature(self, x: Tensor) -> Tensor:
        """Return 2 strength Σ_pairs w per voxel, the shape of images (..., *image_shape)."""
        d = torch.zeros_like(x)
        for j, k, w in self._pairs():
            twice = 2 * _like(x, w)
            d[j] += twice
            d[k] += twice
        return self.strength * d

    def hessian_product(self, x: Tensor) -> Product:
        """Return v → ∇²R v, which is the same at every image x."""
        return self.gradient


def _like(x: Tensor, weight: float | Tensor) -> float | Tensor:
    return weight.to(x) if isinstance(weight, Tensor) else weight


@dataclass(frozen=True)
class Quadratic(WeightedPairs):
    """Quadratic smoothing, R(x) = strength · Σ_pairs w ½ (x_j - x_k)², w = shortest step / distance.

    Parameters
    ----------
    strength : float
        In (kBq/mL)^-2.
    dims : int
        Number of image axes.
    full_neighbourhood : bool
        Whether voxels that touch at an edge or a corner are neighbours too.
    voxel_size : tuple of float, optional
        In mm, one per image axis: without it they are taken as equal. Give it where slices are thicker than
        pixels.

    Raises
    ------
    ParameterError
        For a strength that is negative or not finite, or a voxel size that does not fit.

    Examples
    --------
    >>> import torch
    >>> step = torch.tensor([[0.0, 0.0], [0.0, 0.0], [2.0, 2.0]])
    >>> float(Quadratic(0.5).value(step))
    2.0
    >>> float(Quadratic(0.5, voxel_size=(4.0, 2.0)).value(step))
    1.0
    >>> Quadratic(0.5).gradient(step.expand(8, 3, 2)).shape
    torch.Size([8, 3, 2])
    """

    strength: float
    dims: int = 2
    full_neighbourhood: bool = False
    voxel_size: VoxelSize | None = None

    def __post_init__(self) -> None:
        """Check the strength and the voxel size."""
        check_parameters(strength=self.strength)
        relative_steps(self.voxel_size, self.dims)

    def _pairs(self) -> Iterable[tuple[Index, Index, float | Tensor]]:
        return adjacent(relative_steps(self.voxel_size, self.dims), self.full_neighbourhood)
