"""Lesions with and without a trace in the MR: where they are, and how much of them a reconstruction shows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from petrecon.errors import InputError
from petrecon.phantoms import Lesion, make_subject
from petrecon.studies.ddip_cases import GRID, VOXEL_MM


@dataclass(frozen=True, eq=False)
class LesionRegion:
    """A place to look at.

    Attributes
    ----------
    roi, surround : (X, Y) bool tensors
        The lesion's voxels, and tissue of the same kind around it.
    """

    roi: Tensor
    surround: Tensor

    def contrast(self, images: Tensor) -> Tensor:
        """Mean in the lesion over the mean around it, minus one; (...) from (..., X, Y)."""
        return images[..., self.roi].mean(-1) / images[..., self.surround].mean(-1) - 1


def lesion_region(
    anatomy: str, seed: int, lesion: Lesion, *, tissue: str, slice_mm: float | None = None, ring_mm: float = 12.0
) -> LesionRegion:
    """Find the voxels of a lesion on the study's grid.

    Parameters
    ----------
    anatomy, seed, slice_mm :
        As in `measure`.
    lesion : Lesion
        Its centre and radius are used.
    tissue : str
        Kind of tissue that it sits in; the surround holds this tissue only.
    ring_mm : float
        Width of the surround; a margin of 4 mm around the lesion is left out.

    Raises
    ------
    InputError
        If the lesion or its surround holds no voxel.
    """
    marked = Lesion(lesion.centre, lesion.radius_mm, pet=1.0, mr=0.0)
    subject = make_subject(anatomy, seed, image_shape=GRID, voxel_size=VOXEL_MM, slice_mm=slice_mm, lesions=(marked,))
    plain = make_subject(anatomy, seed, image_shape=GRID, voxel_size=VOXEL_MM, slice_mm=slice_mm)
    roi = (plain.mr - subject.mr) > 0.5 * plain.mr.clamp_min(0.1)
    if not roi.any():
        raise InputError(f"the lesion at {lesion.centre} does not touch the slice of {anatomy}")
    places = torch.stack(torch.meshgrid(*(torch.arange(n) * VOXEL_MM for n in GRID), indexing="ij"), -1)
    distance = (places[:, :, None] - places[roi][None, None]).norm(dim=-1).amin(-1)
    surround = (distance > 4.0) & (distance < 4.0 + ring_mm) & plain.mask(tissue)
    if not surround.any():
        raise InputError(f"there is no {tissue} around the lesion at {lesion.centre} in {anatomy}")
    return LesionRegion(roi, surround)
