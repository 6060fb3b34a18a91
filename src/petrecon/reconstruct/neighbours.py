"""Neighbouring voxels and their distances in mm, for the penalties."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from types import EllipsisType

from petrecon.errors import ParameterError

Index = tuple[EllipsisType | slice, ...]
VoxelSize = tuple[float, ...]


def relative_steps(voxel_size: Sequence[float] | None, dims: int) -> VoxelSize:
    """Return the step along each axis, relative to the shortest.

    Parameters
    ----------
    voxel_size : tuple of float, optional
        In mm, one per image axis; without it all axes are alike.
    dims : int
        Number of image axes.

    Returns
    -------
    tuple of float
        Exactly 1 along every axis where voxels are isotropic.

    Raises
    ------
    ParameterError
        For another number of values, or one that is not finite and above 0.
    """
    if voxel_size is None:
        return (1.0,) * dims
    if len(voxel_size) != dims or not all(math.isfinite(v) and v > 0 for v in voxel_size):
        raise ParameterError(f"the voxel_size of a penalty is {voxel_size}: give {dims} sizes in mm, each above 0")
    return tuple(v / min(voxel_size) for v in voxel_size)


def closeness(offset: tuple[int, ...], steps: VoxelSize) -> float:
    """Return 1 / distance to the neighbour at an offset in voxels, relative to the nearest neighbour's."""
    return 1 / math.sqrt(sum((o * s) ** 2 for o, s in zip(offset, steps, strict=True)))


def slices(offset: tuple[int, ...]) -> tuple[Index, Index]:
    """Return the slices of all voxels that have a neighbour at this offset, and of those neighbours."""
    first = tuple(slice(max(0, -o), -o if o > 0 else None) for o in offset)
    other = tuple(slice(max(0, o), o if o < 0 else None) for o in offset)
    return (..., *first), (..., *other)


def adjacent(steps: VoxelSize, full: bool) -> Iterator[tuple[Index, Index, float]]:
    """Yield (slices of the first voxel, slices of its neighbour, closeness), each unordered pair once.

    Parameters
    ----------
    steps : tuple of float
        `relative_steps`.
    full : bool
        Whether voxels that touch at an edge or a corner are neighbours too.
    """
    for offset in product((-1, 0, 1), repeat=len(steps)):
        opposite = tuple(-o for o in offset)
        if any(offset) and offset > opposite and (full or sum(o != 0 for o in offset) == 1):
            yield *slices(offset), closeness(offset, steps)
