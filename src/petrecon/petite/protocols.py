"""How each scanner's images are reconstructed: subsets, epochs, resolution model, filter; from the table in data/."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field
from torch import Tensor

from petrecon.cards import Card, Fault, Text, load_card
from petrecon.paths import data_dir
from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct import balanced_subsets, gaussian_filter, osem


class Reconstruction(Card):
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

    subsets: int = Field(ge=1, le=64, description="more subsets leave too few views in each")
    epochs: int = Field(ge=1, le=50, description="OSEM is stopped early")
    resolution_model: bool
    filter_fwhm_mm: float = Field(ge=0, le=20, description="a wider filter leaves no cortex")
    axial_centre_mm: float = Field(ge=-100, le=150, description="the middle of a head's scan lies in the head")

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return self.model_dump()

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


def _has_other(table: dict[str, Reconstruction]) -> dict[str, Reconstruction]:
    if "other" not in table:
        raise Fault("other", "is missing: the row of every scanner that is not named")
    return table


class Protocols(Card):
    """``data/reconstruction-protocols.yml``: a row per scanner, and the row ``other``."""

    note: Text
    scanners: Annotated[dict[str, Reconstruction], AfterValidator(_has_other)]


def reconstruction_of(scanner: str) -> Reconstruction:
    """Return the protocol of a scanner; one that the table does not name takes the row ``other``.

    Parameters
    ----------
    scanner : str
        Name of its card.

    Raises
    ------
    CardError
        If the table cannot be read or a field is missing, unknown or out of range; the field is named.

    Examples
    --------
    >>> reconstruction_of("hrrt").resolution_model
    False
    """
    table = load_card(Protocols, data_dir() / "reconstruction-protocols.yml").scanners
    return table.get(scanner, table["other"])
