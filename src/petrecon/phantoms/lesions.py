"""Findings put into a subject: spherical lesions, in PET, in MR or in both, and regions of low uptake."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import InputError, ParameterError, did_you_mean
from petrecon.phantoms.regions import Region, base_name


@dataclass(frozen=True)
class Lesion:
    """A sphere whose signal is a multiple of what the tissue there would have.

    Attributes
    ----------
    centre : str or tuple of float
        A region's name (its deepest point is taken), or (x, y) or (x, y, z) from the centre of the field of
        view, mm.
    radius_mm : float
        Radius, mm.
    pet : float
        Uptake ratio to the host tissue; 1 = not seen in PET.
    mr : float
        Signal ratio to the host tissue; 1 = not seen in MR.
    """

    centre: str | tuple[float, ...]
    radius_mm: float = 6.0
    pet: float = 1.0
    mr: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.radius_mm < 100:
            raise ParameterError(f"lesion radius {self.radius_mm} mm is not between 0 and 100 mm")
        if not (0 <= self.pet < 100 and 0 <= self.mr < 100):
            raise ParameterError(f"lesion ratios pet={self.pet} and mr={self.mr} must lie in [0, 100)")


@dataclass(frozen=True)
class Hypometabolism:
    """A region that takes up less.

    Parameters
    ----------
    region : str
        ``precuneus``, or one side of it: ``left-precuneus``.
    factor : float
        In [0, 1); the uptake is multiplied by it.
    """

    region: str
    factor: float = 0.7

    def __post_init__(self) -> None:
        if not 0 <= self.factor < 1:
            raise ParameterError(f"hypometabolism of {self.region}: factor {self.factor} must lie in [0, 1)")


def labels_named(name: str, regions: dict[int, Region]) -> list[int]:
    """Return the labels whose region is `name`, with or without its side, or is made of the tissue `name`.

    Raises
    ------
    ParameterError
        If no region present has that name.
    """
    found = [n for n, r in regions.items() if name in (r.name, base_name(r.name), r.tissue)]
    if not found:
        known = {r.name for r in regions.values()} | {base_name(r.name) for r in regions.values()}
        near = did_you_mean(name, known | {r.tissue for r in regions.values()})
        hint = near if near.startswith(" Did") else ""
        raise ParameterError(f"no region or tissue {name!r} in this image.{hint}")
    return found


def lesion_centre(
    lesion: Lesion, labels: NDArray[np.int16], axes: list[NDArray[np.float64]], regions: dict[int, Region]
) -> NDArray[np.float64]:
    """Return the centre of a lesion, mm from the centre of the field of view, per axis of the image.

    Raises
    ------
    InputError
        If the centre does not lie in solid brain tissue.
    """
    from scipy import ndimage

    if isinstance(lesion.centre, str):
        inside = np.isin(labels, labels_named(lesion.centre, regions))
        deepest = np.unravel_index(int(np.argmax(ndimage.distance_transform_edt(inside))), labels.shape)
        return np.array([axes[d][i] for d, i in enumerate(deepest)])
    centre = np.zeros(labels.ndim)
    given = np.asarray(lesion.centre, dtype=np.float64)
    if given.size not in (2, 3) or not np.isfinite(given).all():
        raise ParameterError(f"lesion centre {lesion.centre} must be a region's name, (x, y) or (x, y, z) in mm")
    centre[: min(given.size, centre.size)] = given[: centre.size]
    index = tuple(int(np.argmin(np.abs(axis - c))) for axis, c in zip(axes, centre, strict=True))
    tissue = regions[int(labels[index])].tissue
    if tissue in ("air", "csf", "skull", "scalp"):
        raise InputError(f"the lesion at {tuple(centre)} mm lies in {tissue}; put its centre in brain tissue")
    return centre


def sphere_gain(
    centre: NDArray[np.float64], radius_mm: float, ratio: float, axes: list[NDArray[np.float64]]
) -> NDArray[np.float32]:
    """Return `ratio` inside a sphere and 1 outside, on the grid of `axes` (mm)."""
    grids = np.meshgrid(*axes, indexing="ij", sparse=True)
    squared = sum((g - c) ** 2 for g, c in zip(grids, centre, strict=True))
    return np.where(squared <= radius_mm**2, ratio, 1.0).astype(np.float32)
