"""From a head to an image grid: where voxels lie, which label they hold, what value they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from petrecon.errors import InputError
from petrecon.phantoms.anatomy import Anatomy, anatomy_names
from petrecon.phantoms.regions import BRAIN_TISSUES
from petrecon.phantoms.warps import Warp

HEAD_GRID = (96, 112)
"""Voxels of `HEAD_VOXEL_MM` along x and y that hold every head: the DDIP paper's 128 × 128 without the empty margin.
Both sides are divisible by 8, as its network needs."""

HEAD_VOXEL_MM = 2.0863
"""Side of a voxel of the Biograph mMR and of the DDIP paper, mm."""

HEAD_HALF_MM = (95.0, 115.0)
"""Half the sides of the rectangle that figures show of a slice, mm: a head and a little around it."""

HEAD_MM = 105.0
"""Half the side of the square that figures show where slices of several scanners stand side by side, mm."""

STRIATAL_SLICE_MM = 4.0
"""Default axial slice, mm above the AC–PC plane: cuts caudate, putamen and thalamus of every anatomy."""


def paint(
    fine: NDArray[np.int16],
    shape: tuple[int, ...],
    values: Mapping[int, float],
    gain: NDArray[np.float32] | None = None,
) -> Tensor:
    """Turn a fine label map into values and average blocks of it to `shape`; returns float32."""
    table = np.zeros(int(fine.max()) + 1, dtype=np.float32)
    for label, value in values.items():
        if 0 <= label < len(table):
            table[label] = value
    image = table[fine]
    if gain is not None:
        image = image * gain
    ratio = fine.shape[0] // shape[0]
    if ratio > 1:
        blocks = [part for n in shape for part in (n, ratio)]
        image = image.reshape(blocks).mean(axis=tuple(range(1, 2 * len(shape), 2)), dtype=np.float64)
    return torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))


def axes(shape: tuple[int, ...], size: tuple[float, ...], ratio: int) -> list[NDArray[np.float64]]:
    """Return the positions of (sub-)voxel centres on each axis, mm from the field of view's centre."""
    return [
        np.asarray((np.arange(n * ratio) - (n * ratio - 1) / 2) * (s / ratio), dtype=np.float64)
        for n, s in zip(shape, size, strict=True)
    ]


def sample(
    head: Anatomy, move: Warp, centre: NDArray[np.float64], axes: list[NDArray[np.float64]]
) -> NDArray[np.int16]:
    """Look up the nearest label of the warped head at every point of a grid, plane by plane."""
    from scipy import ndimage

    flat = len(axes) == 2
    heights = np.zeros(1) if flat else axes[2]
    out = np.zeros((len(axes[0]), len(axes[1]), len(heights)), dtype=np.int16)
    x, y = np.meshgrid(axes[0] + centre[0], axes[1] + centre[1], indexing="ij")
    for k, z in enumerate(heights):
        index = move(x, y, np.full_like(x, z + centre[2])) - head.origin[:, None, None]
        out[:, :, k] = ndimage.map_coordinates(head.labels, index, order=0, mode="constant")
    return out[:, :, 0] if flat else out


def head_crop(
    image_shape: Sequence[int], voxel_size: Sequence[float], half_mm: Sequence[float] = HEAD_HALF_MM
) -> tuple[slice, slice]:
    """Return the slices of the first two axes that hold the voxels a figure of a head shows.

    Parameters
    ----------
    image_shape : (x, y) or (x, y, z)
    voxel_size : sequence of float
        mm, one per axis.
    half_mm : (x, y)
        Half the sides of the rectangle, mm, about the centre of the field of view.

    Returns
    -------
    tuple of two slices
        Of the voxels whose centres lie in the rectangle.
    """
    centres = axes(tuple(image_shape[:2]), tuple(voxel_size[:2]), 1)
    inside = [np.flatnonzero(np.abs(c) <= half) for c, half in zip(centres, half_mm, strict=True)]
    x, y = (slice(int(i[0]), int(i[-1]) + 1) for i in inside)
    return x, y


def default_height(head: Anatomy) -> float:
    """Return the slice to take when none is named: a user's own world need not have the AC–PC plane at 0."""
    if head.name in anatomy_names():
        return STRIATAL_SLICE_MM
    nuclei = np.isin(head.labels, (11, 12, 50, 51))
    chosen = nuclei if nuclei.any() else head.labels > 0
    return float(head.origin[2] + np.flatnonzero(chosen.any(axis=(0, 1))).mean())


def brain_middle(head: Anatomy) -> float:
    """Return the height of the middle of the brain (without skull and scalp), mm."""
    brain = np.isin(head.labels, [n for n, r in head.regions.items() if r.tissue in BRAIN_TISSUES])
    brain = brain if brain.any() else head.labels > 0
    planes = np.flatnonzero(brain.any(axis=(0, 1)))
    return float(head.origin[2] + (planes[0] + planes[-1]) / 2)


def refuse_cut(
    fine: NDArray[np.int16],
    ratio: int,
    whole: bool,
    head: Anatomy,
    move: Warp,
    centre: NDArray[np.float64],
    size: tuple[float, ...],
    dims: int,
) -> None:
    """Raise `InputError` when the grid cuts the head across, or the brain along z (`whole`)."""
    if not fine.any():
        raise InputError(f"no head at this height: slice_mm={centre[2]:.0f} mm lies above or below {head.name}")
    sides = np.concatenate(
        [np.moveaxis(fine, d, 0)[e].ravel() for d in (0, 1) for e in (slice(ratio), slice(-ratio, None))]
    )
    brain = [n for n, r in head.regions.items() if r.tissue in BRAIN_TISSUES and r.tissue != "csf"]
    ends = np.concatenate([fine[:, :, :ratio], fine[:, :, -ratio:]], axis=2) if whole else np.zeros(0)
    if not sides.any() and not np.isin(ends, brain).any():
        return
    reach = np.arange(-200.0, 201.0, 4.0 if whole else 2.0)
    step = reach if whole else (np.array([0.0]) if dims == 2 else np.arange(fine.shape[2]) * size[2] / ratio)
    step = step if whole or dims == 2 else step - step.mean()
    around = sample(head, move, centre, [reach, reach, step])
    needed = []
    for d in range(dims if whole else 2):
        there = np.isin(around, brain) if d == 2 else around > 0
        along = reach[np.flatnonzero(there.any(axis=tuple(a for a in range(3) if a != d)))]
        needed.append(2 * (np.abs(along).max() + reach[1] - reach[0] + 1.5 * size[d]))
    have = " × ".join(f"{n // ratio * s:.0f}" for n, s in zip(fine.shape, size, strict=True))
    want = " × ".join(f"{np.ceil(w):.0f}" for w in needed)
    raise InputError(
        f"the field of view of {have} mm cuts the head of {head.name}; the smallest that fits is {want} mm: "
        "use more voxels or larger ones" + (", or give slice_mm to cut it along z on purpose" if whole else "")
    )
