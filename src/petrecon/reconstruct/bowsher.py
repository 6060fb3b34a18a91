"""Smoothing guided by an MR image: only along neighbours that look alike there (Bowsher's penalty)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import torch
from torch import Tensor

from petrecon.errors import InputError, ParameterError
from petrecon.reconstruct.neighbours import Index, VoxelSize, closeness, relative_steps, slices
from petrecon.reconstruct.penalty import check_parameters
from petrecon.reconstruct.quadratic import WeightedPairs


@dataclass(frozen=True, eq=False)
class Bowsher(WeightedPairs):
    r"""Quadratic smoothing along the neighbours that are most similar in MR.

    .. math:: R(x) = strength \sum_{\{j,k\}} \tfrac{1}{|j-k|} \tfrac{\omega_{jk} + \omega_{kj}}{2}
       \,\tfrac12 (x_j - x_k)^2, \qquad \omega_{jk} = 1 \text{ if } k \text{ is among the B most similar to } j

    The published penalty keeps ω asymmetric, and then its "gradient" belongs to no objective; the symmetric
    mean used here has one, which `map_em` lowers at every step. Edges of the PET that the MR does not show
    are smoothed away.

    Parameters
    ----------
    strength : float
        In (kBq/mL)^-2.
    mr : Tensor, (*image_shape)
        Any unit; only the order of differences matters.
    neighbours : int
        B, how many of the neighbours count.
    radius : int
        Neighbours lie within this many voxels along every axis; (2 radius + 1)^dims - 1 of them.
    voxel_size : tuple of float, optional
        In mm, one per image axis, for the distances |j - k|; without it they are taken as equal.

    Raises
    ------
    ParameterError, InputError
        For a strength below 0, more neighbours than there are, a voxel size that does not fit, or an MR that
        is not finite.

    Notes
    -----
    Source: Bowsher et al. 2004; Vunckx et al. 2012.

    Examples
    --------
    An edge that the MR shows costs nothing:

    >>> import torch
    >>> mr = torch.tensor([[0.0, 0.0], [0.1, 0.1], [5.0, 5.0], [5.1, 5.1]])
    >>> penalty = Bowsher(1.0, mr, neighbours=3, radius=1)
    >>> float(penalty.value(10 * (mr > 1).float())), float(penalty.value(10 * mr)) > 0
    (0.0, True)
    >>> penalty.curvature(torch.zeros(8, 4, 2)).shape
    torch.Size([8, 4, 2])
    """

    strength: float
    mr: Tensor
    neighbours: int = 8
    radius: int = 2
    voxel_size: VoxelSize | None = None

    def __post_init__(self) -> None:
        """Check all values."""
        check_parameters(strength=self.strength)
        relative_steps(self.voxel_size, self.dims)
        around = (2 * self.radius + 1) ** self.dims - 1
        if self.radius < 1 or not 1 <= self.neighbours <= around:
            raise ParameterError(
                f"neighbours is {self.neighbours}: 1 to {around} of a radius of {self.radius} voxels (at least 1)"
            )
        if not bool(torch.isfinite(self.mr).all()):
            raise InputError("the MR holds values that are not finite: replace them first (torch.nan_to_num)")

    @property
    def dims(self) -> int:
        """Number of image axes."""
        return self.mr.ndim

    def _pairs(self) -> Iterable[tuple[Index, Index, float | Tensor]]:
        return self._chosen

    @cached_property
    def _chosen(self) -> list[tuple[Index, Index, float | Tensor]]:
        offsets = [o for o in product(range(-self.radius, self.radius + 1), repeat=self.dims) if any(o)]
        unlike = torch.full((len(offsets), *self.mr.shape), torch.inf, dtype=torch.float64, device=self.mr.device)
        for n, offset in enumerate(offsets):
            first, other = slices(offset)
            unlike[n][first] = (self.mr[first] - self.mr[other]).double().abs()
        chosen = torch.zeros_like(unlike).scatter_(0, unlike.topk(self.neighbours, dim=0, largest=False).indices, 1.0)
        chosen = torch.where(torch.isfinite(unlike), chosen, 0.0)
        steps = relative_steps(self.voxel_size, self.dims)
        pairs: list[tuple[Index, Index, float | Tensor]] = []
        for n, offset in enumerate(offsets):
            opposite = tuple(-o for o in offset)
            if offset > opposite:
                first, other = slices(offset)
                both = chosen[n][first] + chosen[offsets.index(opposite)][other]
                pairs.append((first, other, both / 2 * closeness(offset, steps)))
        return pairs
