"""Smoothing guided by an MR image: only along neighbours that look alike there (Bowsher's penalty)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import ClassVar

import torch
from torch import Tensor

from petrecon.errors import InputError, ParameterError
from petrecon.reconstruct.penalties import Index, check_parameters


@dataclass(frozen=True, eq=False)
class Bowsher:
    r"""Quadratic smoothing along the neighbours that are most similar in MR.

    .. math:: R(x) = strength \sum_{\{j,k\}} \tfrac{1}{|j-k|} \tfrac{\omega_{jk} + \omega_{kj}}{2}
       \,\tfrac12 (x_j - x_k)^2, \qquad \omega_{jk} = 1 \text{ if } k \text{ is among the B most similar to } j

    The published penalty keeps ω asymmetric, and then its "gradient" belongs to no objective; the symmetric mean used
    here has one, which `map_em` lowers at every step. Edges of the PET that the MR does not show are smoothed away.

    Attributes
    ----------
    strength : float
        In (kBq/mL)^-2.
    mr : Tensor, (*image_shape)
        Any unit; only the order of differences matters.
    neighbours : int
        B, how many of the neighbours count.
    radius : int
        Neighbours lie within this many voxels along every axis; (2 radius + 1)^dims - 1 of them.

    Raises
    ------
    ParameterError, InputError
        For a strength below 0, more neighbours than there are, or an MR that is not finite.

    Notes
    -----
    Source: Bowsher et al. 2004; Vunckx et al. 2012.
    """

    strength: float
    mr: Tensor
    neighbours: int = 8
    radius: int = 2
    exact_majoriser: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check all values."""
        check_parameters(strength=self.strength)
        around = (2 * self.radius + 1) ** self.mr.ndim - 1
        if self.radius < 1 or not 1 <= self.neighbours <= around:
            raise ParameterError(
                f"neighbours is {self.neighbours}: 1 to {around} of a radius of {self.radius} voxels (at least 1)"
            )
        if not bool(torch.isfinite(self.mr).all()):
            raise InputError("the MR holds values that are not finite: replace them first (torch.nan_to_num)")

    def value(self, x: Tensor) -> Tensor:
        """Return R per image."""
        total = torch.zeros(x.shape[: x.ndim - self.mr.ndim], dtype=torch.float64, device=x.device)
        for j, k, w in self._pairs:
            terms = w.to(x.device, torch.float64) * (x[j] - x[k]).double() ** 2
            total = total + 0.5 * terms.sum(tuple(range(-self.mr.ndim, 0)))
        return self.strength * total

    def gradient(self, x: Tensor) -> Tensor:
        """Return ∂R/∂x."""
        g = torch.zeros_like(x)
        for j, k, w in self._pairs:
            slope = w.to(x) * (x[j] - x[k])
            g[j] += slope
            g[k] -= slope
        return self.strength * g

    def curvature(self, x: Tensor) -> Tensor:
        """Return 2 Σ of the weights per voxel: De Pierro's separation doubles the second derivative."""
        d = torch.zeros_like(x)
        for j, k, w in self._pairs:
            d[j] += 2 * w.to(x)
            d[k] += 2 * w.to(x)
        return self.strength * d

    @cached_property
    def _pairs(self) -> list[tuple[Index, Index, Tensor]]:
        """Slices of the first voxel and of its neighbour, and the weight of each such pair; every pair once."""
        offsets = [o for o in product(range(-self.radius, self.radius + 1), repeat=self.mr.ndim) if any(o)]
        unlike = torch.full((len(offsets), *self.mr.shape), torch.inf, dtype=torch.float64, device=self.mr.device)
        for n, offset in enumerate(offsets):
            first, other = _slices(offset)
            unlike[n][first] = (self.mr[first] - self.mr[other]).double().abs()
        chosen = torch.zeros_like(unlike).scatter_(0, unlike.topk(self.neighbours, dim=0, largest=False).indices, 1.0)
        chosen = torch.where(torch.isfinite(unlike), chosen, 0.0)
        pairs = []
        for n, offset in enumerate(offsets):
            opposite = tuple(-o for o in offset)
            if offset > opposite:
                first, other = _slices(offset)
                both = chosen[n][first] + chosen[offsets.index(opposite)][other]
                pairs.append((first, other, both / 2 / math.hypot(*offset)))
        return pairs


def _slices(offset: tuple[int, ...]) -> tuple[Index, Index]:
    """Return the slices of all voxels that have a neighbour at this offset, and of those neighbours."""
    first = tuple(slice(max(0, -o), -o if o > 0 else None) for o in offset)
    other = tuple(slice(max(0, o), o if o < 0 else None) for o in offset)
    return (..., *first), (..., *other)
