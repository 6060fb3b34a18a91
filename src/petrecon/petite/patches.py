"""Random training patches, half of them centred on active tissue."""

from __future__ import annotations

import torch
from torch import Tensor

from petrecon.errors import InputError
from petrecon.models.specs import check_patch

Shape = tuple[int, ...]

POSITIVE_LEVEL = 0.25
"""Fraction of a volume's maximum above which a voxel of the long scan counts as active tissue."""


def check_fits(patch: Shape, grid: Shape, scanner: str = "the scanner") -> None:
    """Refuse a patch that the networks cannot halve four times, or that does not fit a grid.

    Parameters
    ----------
    patch : tuple of int
        Voxels along x, y and z.
    grid : tuple of int
        Voxels of the volumes.
    scanner : str
        What the message calls the grid's owner.

    Raises
    ------
    ParameterError
        If an axis of the patch is no multiple of 16 voxels.
    InputError
        If the grid is smaller than the patch; scanner, axis and cure are named.
    """
    check_patch(patch)
    for axis, n, room in zip("xyz", patch, grid, strict=True):
        if n > room:
            raise InputError(
                f"the grid of {scanner} has {room} voxels along {axis}, fewer than the patch of "
                f"{'x'.join(map(str, patch))}: use a network with a smaller patch, or pad with empty voxels (pad=True)"
            )


def pad_to(volumes: Tensor, patch: Shape) -> Tensor:
    """Add empty voxels on both sides of axes shorter than the patch; volumes (..., X, Y, Z)."""
    margins: list[int] = []
    for n, room in zip(reversed(patch), reversed(volumes.shape[-3:]), strict=True):
        missing = max(0, n - room)
        margins += [missing // 2, missing - missing // 2]
    return torch.nn.functional.pad(volumes, margins) if any(margins) else volumes


class PatchSampler:
    """Draws pairs of patches at equal positions of a short and a long scan.

    A patch is centred on a voxel of active tissue (`POSITIVE_LEVEL`) or on any other voxel, with equal chance, and
    moved inside the volume where it would stick out: MONAI's RandCropByPosNegLabel with one positive to one negative.

    Parameters
    ----------
    short, long : (N, X, Y, Z) tensors
        Scaled volumes.
    patch : tuple of int
        Size in voxels.
    positive : float
        Chance of a patch on active tissue.

    Raises
    ------
    InputError
        If there is no volume, or the shapes differ or are smaller than the patch.
    """

    def __init__(self, short: Tensor, long: Tensor, patch: Shape, *, positive: float = 0.5) -> None:
        if not len(short):
            raise InputError("the training set is empty: give at least one subject")
        if short.shape != long.shape:
            raise InputError(f"short scans {tuple(short.shape)} and long scans {tuple(long.shape)} differ in shape")
        check_fits(patch, tuple(short.shape[1:]))
        self.short, self.long, self.patch, self.positive = short, long, tuple(patch), positive
        active = long > POSITIVE_LEVEL * long.amax((1, 2, 3), keepdim=True)
        self._active = [a.flatten().nonzero().flatten() for a in active]
        self._other = [(~a).flatten().nonzero().flatten() for a in active]

    def __len__(self) -> int:
        return len(self.short)

    def draw(self, volumes: list[int], each: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return `each` patches of every listed volume: short and long, (len(volumes)·each, 1, *patch)."""
        pieces: list[tuple[Tensor, Tensor]] = []
        for v in volumes:
            for _ in range(each):
                where = self._corner(v, generator)
                x, y, z = (slice(c, c + n) for c, n in zip(where, self.patch, strict=True))
                pieces.append((self.short[v, x, y, z], self.long[v, x, y, z]))
        return torch.stack([p[0] for p in pieces])[:, None], torch.stack([p[1] for p in pieces])[:, None]

    def _corner(self, volume: int, generator: torch.Generator) -> list[int]:
        wanted = bool(torch.rand((), generator=generator) < self.positive)
        first, second = (self._active, self._other) if wanted else (self._other, self._active)
        voxels = first[volume] if len(first[volume]) else second[volume]
        voxel = int(voxels[int(torch.randint(len(voxels), (), generator=generator))])
        corner = []
        for n, room in zip(reversed(self.patch), reversed(self.short.shape[1:]), strict=True):
            voxel, centre = divmod(voxel, room)
            corner.append(min(max(centre - n // 2, 0), room - n))
        return corner[::-1]
