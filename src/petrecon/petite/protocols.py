"""How each scanner reconstructs: subsets, epochs, resolution model and post-filter, from ``data/petite.yml``."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from torch import Tensor

from petrecon.errors import CardError
from petrecon.paths import data_dir
from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct import balanced_subsets, gaussian_filter, osem
from petrecon.yaml_files import read_yaml


@dataclass(frozen=True)
class Reconstruction:
    """A scanner's reconstruction protocol.

    Attributes
    ----------
    subsets : int
        Wanted number of OSEM subsets; the largest number that divides the views is taken.
    epochs : int
    resolution_model : bool
        Whether the reconstruction knows the scanner's resolution (the simulation always does).
    filter_fwhm_mm : float
        Width of the Gaussian post-filter, mm; 0 = none.
    axial_centre_mm : float
        Middle of the axial field of view above the AC–PC plane, mm.
    """

    subsets: int
    epochs: int
    resolution_model: bool
    filter_fwhm_mm: float
    axial_centre_mm: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)

    def subsets_of(self, views: int) -> int:
        """Return the number of subsets that a scanner of so many views is reconstructed with."""
        return balanced_subsets(views, self.subsets)

    def reconstruct(self, counts: Tensor, model: AcquisitionModel) -> Tensor:
        """Return the images (..., *image_shape) that the protocol makes of counts (..., *sinogram_shape), kBq/mL.

        The model is the exam's; its resolution is left out where the protocol knows none.
        """
        model = model if self.resolution_model else model.changed(resolution=None)
        images = osem(counts, model, self.epochs, self.subsets_of(model.sinogram_shape[1]))
        return gaussian_filter(images, model.projector.geometry.voxel_size, self.filter_fwhm_mm)


def reconstruction_of(scanner: str) -> Reconstruction:
    """Return the protocol of a scanner (by name); one that the table does not know takes the row ``other``.

    Raises
    ------
    CardError
        If the table cannot be read or a field is missing, unknown or out of range; the field is named.
    """
    content = read_yaml(data_dir() / "petite.yml")
    try:
        table = content["scanners"]
        name = scanner if scanner in table else "other"
        row = dict(table[name])
    except (KeyError, TypeError, ValueError) as error:
        raise CardError("petite.yml: needs a mapping 'scanners' with a row 'other'; restore the file") from error
    known = {f.name for f in fields(Reconstruction)}
    for field in sorted(known ^ set(row)):
        raise CardError(f"petite.yml: field 'scanners.{name}.{field}' is {'missing' if field in known else 'unknown'}")
    bounds = {"subsets": (1, 64), "epochs": (1, 50), "filter_fwhm_mm": (0, 20), "axial_centre_mm": (-100, 150)}
    for field, (low, high) in bounds.items():
        value = row[field]
        whole = field in ("subsets", "epochs")
        good = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not good or not math.isfinite(value) or not low <= value <= high:
            raise CardError(f"petite.yml: field 'scanners.{name}.{field}' is {value!r}; between {low} and {high}")
    if not isinstance(row["resolution_model"], bool):
        raise CardError(f"petite.yml: field 'scanners.{name}.resolution_model' must be true or false")
    return Reconstruction(**row)
