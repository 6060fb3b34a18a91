"""Scanners, from their cards to the geometry of an exam."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationError, model_validator

from petrecon.cards import Fault, Text, explain, load_card
from petrecon.errors import CardError, InputError, ParameterError, did_you_mean
from petrecon.paths import data_dir
from petrecon.profiles import PROFILES as COARSENINGS
from petrecon.projectors.cards import (
    COARSER,
    Fraction,
    ReferenceExam,
    Ring,
    Voxels,
    VoxelSize,
    check_fields,
    check_sources,
)
from petrecon.projectors.cylinder import CylinderGeometry
from petrecon.projectors.geometry import Geometry
from petrecon.projectors.lines import detector_positions, plane_heights, ring_lines


class CoarsenedScanner(Ring):
    """A scanner at one coarsening: the same module faces, with fewer, wider crystals when coarser.

    Attributes
    ----------
    coarsening : str
        "quick", "laptop" or "paper" (as measured by the paper: the finest).
    dims : int
        2 (one ring, one slice) or 3.
    image_shape, voxel_mm : tuple
        Image grid, one value per image axis; `slice_mm` is the slice thickness [mm] in either case.
    """

    coarsening: str
    dims: int
    ring_pitch_mm: float
    slice_mm: float

    @model_validator(mode="after")
    def _check_axes(self) -> CoarsenedScanner:
        shape, voxel = self.image_shape, self.voxel_mm
        if not len(shape) == len(voxel) == self.dims:
            raise Fault("image_shape", f"and voxel_size need {self.dims} values each, not {shape} and {voxel}")
        return self

    @property
    def detectors(self) -> int:
        """Detectors in one ring."""
        return self.modules * self.crystals_per_module

    @property
    def views(self) -> int:
        """Views of a sinogram: half the detectors of a ring."""
        return self.detectors // 2

    @property
    def apothem_mm(self) -> float:
        """Distance from the axis to the mean point of detection in the middle of a module [mm]."""
        return self.radius_mm + self.depth_of_interaction_mm

    def detector_positions(self) -> Any:
        """Return the (x, y) positions of one ring's detectors, (detectors, 2) [mm]."""
        return detector_positions(self.modules, self.crystals_per_module, self.module_width_mm, self.apothem_mm)

    def geometry(self) -> Geometry:
        """Return the lines of response and the image grid."""
        ring = ring_lines(self.detector_positions(), self.radial_bins)
        if self.dims == 2:
            return Geometry(*ring, self.image_shape, self.voxel_mm)
        heights = plane_heights(self.rings, self.ring_pitch_mm, self.max_ring_difference)
        return CylinderGeometry(ring, heights, self.image_shape, self.voxel_mm)


class Scanner(Ring):
    """A scanner card: `data/scanners/<name>.yaml`. Every number has its origin in `sources`.

    Attributes
    ----------
    name, title, manufacturer : str
    image_shape, voxel_mm : tuple
        The native image grid (x, y, z).
    resolution_fwhm_mm : float
        Reconstructed resolution near the centre [mm], used as the width of the resolution model.
    sensitivity_cps_per_kbq : float
    scatter_fraction : float
        S / (T + S)
    randoms_fraction : float
        R / (T + S + R) at dose 1.0
    reference_exam : ReferenceExam
        On the card: `reference`.
    coarsenings : mapping
        Coarsening → "2d" and "3d" → what differs from the native ring and grid. On the card: `profiles`.
    sources : mapping of str to str
        Field (or group of fields) → where its number comes from.
    """

    cure: ClassVar[str] = "do as the cards in data/scanners, with a source for every number"

    name: Text
    title: Text
    manufacturer: Text
    image_shape: tuple[Voxels, Voxels, Voxels]
    voxel_mm: tuple[VoxelSize, VoxelSize, VoxelSize]
    resolution_fwhm_mm: float = Field(
        ge=0.2, le=30, description="positron range alone blurs more, and every PET scanner resolves less than 30 mm"
    )
    sensitivity_cps_per_kbq: float = Field(ge=1e-3, le=1000, description="1 kBq decays 1000 times a second")
    scatter_fraction: Fraction
    randoms_fraction: Fraction
    reference_exam: ReferenceExam = Field(alias="reference")
    coarsenings: dict[str, dict[str, dict[str, Any]]] = Field(alias="profiles", repr=False)
    sources: dict[str, Annotated[str, Field(pattern=r"\S", description="say where the number comes from")]] = Field(
        repr=False
    )

    @model_validator(mode="after")
    def _check_card(self) -> Scanner:
        check_fields(self.coarsenings, COARSENINGS, "profiles.", required=True)
        for coarsening, parts in self.coarsenings.items():
            check_fields(parts, ("2d", "3d"), f"profiles.{coarsening}.", required=True)
            for part, changes in parts.items():
                check_fields(changes, COARSER, f"profiles.{coarsening}.{part}.")
                try:
                    self._ring(coarsening, int(part[0]), changes)
                except ValidationError as error:
                    field, what = explain(error, CoarsenedScanner)
                    raise Fault(f"profiles.{coarsening}.{part}.{field}", what) from None
        check_sources(self.model_dump(by_alias=True))
        return self

    @property
    def planes(self) -> int:
        """Image planes of the native scanner, one per ring and one between; a 2D exam is one of them."""
        return 2 * self.rings - 1

    def coarsened(self, coarsening: str = "laptop", dims: int = 2, **overrides: Any) -> CoarsenedScanner:
        """Return the scanner with the detectors and the image grid of a coarsening, as its card gives them.

        Parameters
        ----------
        coarsening : {"quick", "laptop", "paper"}
        dims : {2, 3}
        **overrides
            Fields to replace: `image_shape`, `voxel_size` [mm], `radial_bins`, `crystals_per_module`,
            `rings`, `max_ring_difference`.

        Raises
        ------
        ParameterError
            For an unknown coarsening, number of dimensions or field.
        InputError
            For values that do not make a scanner; the message names the field.
        """
        if coarsening not in COARSENINGS:
            raise ParameterError(f"unknown coarsening {coarsening!r}.{did_you_mean(coarsening, COARSENINGS)}")
        if dims not in (2, 3):
            raise ParameterError(f"dims is {dims!r}: give 2 (one slice) or 3")
        names = [name.replace("voxel_mm", "voxel_size") for name in COARSER]
        for name in overrides:
            if name not in (*names, "voxel_mm"):
                raise ParameterError(f"a geometry has no {name!r} to override.{did_you_mean(name, names)}")
        overrides = {name.replace("voxel_size", "voxel_mm"): value for name, value in overrides.items()}
        changes = dict(self.coarsenings[coarsening][f"{dims}d"])
        if "rings" in changes:  # fewer rings over the same axial length
            changes["ring_pitch_mm"] = self.ring_pitch_mm * self.rings / changes["rings"]
        changes = {**changes, **overrides}
        rings = changes.get("rings", self.rings)
        if isinstance(rings, int):
            changes["max_ring_difference"] = min(
                changes.get("max_ring_difference", self.max_ring_difference), rings - 1
            )
        try:
            return self._ring(coarsening, dims, changes)
        except ValidationError as error:
            field, what = explain(error, CoarsenedScanner)
            raise InputError(f"scanner {self.name!r}, {field} {what}") from None

    def _ring(self, coarsening: str, dims: int, changes: dict[str, Any]) -> CoarsenedScanner:
        """Return the native ring with changes; what pydantic finds wrong is raised as it is."""
        fields = {name: getattr(self, name) for name in Ring.model_fields} | changes
        for grid in ("image_shape", "voxel_mm"):
            if isinstance(fields[grid], list | tuple):
                fields[grid] = tuple(fields[grid])[:dims]
        voxel = fields["voxel_mm"]
        slice_mm = voxel[2] if isinstance(voxel, tuple) and len(voxel) == 3 else self.voxel_mm[2]
        return CoarsenedScanner(**fields, coarsening=coarsening, dims=dims, slice_mm=slice_mm)

    def geometry(self, coarsening: str = "laptop", dims: int = 2, **overrides: Any) -> Geometry:
        """Return lines of response and image grid.

        Parameters
        ----------
        coarsening : {"quick", "laptop", "paper"}
            How many detectors and voxels, as on the card.
        dims : {2, 3}
            One slice, or a volume.
        **overrides
            As in `coarsened`: `image_shape`, `voxel_size` [mm], `radial_bins` and others.

        Returns
        -------
        Geometry

        Raises
        ------
        ParameterError, InputError
            As `coarsened`.

        Examples
        --------
        >>> from petrecon.projectors import load_scanner
        >>> geometry = load_scanner("biograph-mmr").geometry("laptop")
        >>> geometry.image_shape, geometry.voxel_size, geometry.sinogram_shape
        ((128, 128), (2.0863, 2.0863), (129, 224))
        """
        return self.coarsened(coarsening, dims, **overrides).geometry()


def scanner_names() -> list[str]:
    """Return the names of the scanner cards, sorted.

    Returns
    -------
    list of str
        What `load_scanner` takes.
    """
    return sorted(path.stem for path in (data_dir() / "scanners").glob("*.yaml"))


def load_scanner(name: str | Path) -> Scanner:
    """Return a scanner.

    Parameters
    ----------
    name : str or Path
        A name of `scanner_names`, or the path of a card of your own (ending in .yaml).

    Returns
    -------
    Scanner

    Raises
    ------
    CardError
        For an unknown name (naming the nearest), or a card with a wrong field (naming card, field and cure).

    Examples
    --------
    >>> from petrecon.projectors import load_scanner
    >>> card = load_scanner("biograph-mmr")
    >>> card.title, card.planes, card.resolution_fwhm_mm
    ('Siemens Biograph mMR', 127, 4.3)
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = data_dir() / "scanners" / f"{name}.yaml"
        if Path(name).name != str(name) or not path.is_file():
            raise CardError(f"unknown scanner {str(name)!r}.{did_you_mean(str(name), scanner_names())}")
    return read_scanner_card(path, path.stem)


def read_scanner_card(card: Path | dict[str, Any], name: str) -> Scanner:
    """Return the scanner of a card (its file, or what that says), whose name must be that of its file without ending.

    Raises
    ------
    CardError
        Naming the card, the field and the cure.
    """
    scanner = load_card(Scanner, card, f"scanner card {name!r}")
    if scanner.name != name:
        raise CardError(
            f"scanner card {name!r}: field 'name' is {scanner.name!r} in a file named {name!r}: make them equal"
        )
    return scanner
