"""Scanners, from their cards to the geometry of an exam."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from petrecon.errors import CardError, InputError, ParameterError, did_you_mean
from petrecon.paths import data_dir
from petrecon.projectors.cards import PROFILES as COARSENINGS
from petrecon.projectors.cards import check_consistent, check_values, read_scanner_card
from petrecon.projectors.cylinder import CylinderGeometry
from petrecon.projectors.geometry import Geometry
from petrecon.projectors.lines import detector_positions, plane_heights, ring_lines


@dataclass(frozen=True)
class ReferenceExam:
    """What dose 1.0 means on a scanner.

    Attributes
    ----------
    net_trues_millions : float
        Net true coincidences of the whole exam [10^6].
    duration_s : float
    injected_mbq : float
    note : str
    """

    net_trues_millions: float
    duration_s: float
    injected_mbq: float
    note: str


@dataclass(frozen=True)
class CoarsenedScanner:
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
    modules: int
    crystals_per_module: int
    module_width_mm: float
    radius_mm: float
    depth_of_interaction_mm: float
    rings: int
    ring_pitch_mm: float
    max_ring_difference: int
    radial_bins: int
    image_shape: tuple[int, ...]
    voxel_mm: tuple[float, ...]
    slice_mm: float

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


@dataclass(frozen=True)
class Scanner:
    """A scanner card: `data/scanners/<name>.yaml`. Every number has its origin in `sources`.

    Attributes
    ----------
    resolution_fwhm_mm : float
        Reconstructed resolution near the centre [mm], used as the width of the resolution model.
    sensitivity_cps_per_kbq : float
    scatter_fraction : float
        S / (T + S)
    randoms_fraction : float
        R / (T + S + R) at dose 1.0
    reference : ReferenceExam
    sources : mapping of str to str
        Field (or group of fields) → where its number comes from.
    """

    name: str
    title: str
    manufacturer: str
    resolution_fwhm_mm: float
    sensitivity_cps_per_kbq: float
    scatter_fraction: float
    randoms_fraction: float
    reference_exam: ReferenceExam
    sources: Mapping[str, str]
    _card: Mapping[str, Any] = field(repr=False)

    @property
    def planes(self) -> int:
        """Image planes of the native scanner, one per ring and one between; a 2D exam is one of them."""
        return 2 * int(self._card["rings"]) - 1

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
        changes = dict(self._card["profiles"][coarsening][f"{dims}d"])
        if "rings" in changes:  # fewer rings over the same axial length
            changes["ring_pitch_mm"] = self._card["ring_pitch_mm"] * self._card["rings"] / changes["rings"]
        if "voxel_size" in overrides:
            overrides["voxel_mm"] = overrides.pop("voxel_size")
        known = (
            "image_shape",
            "voxel_mm",
            "radial_bins",
            "crystals_per_module",
            "rings",
            "max_ring_difference",
        )
        for name in overrides:
            if name not in known:
                names = [n.replace("voxel_mm", "voxel_size") for n in known]
                raise ParameterError(f"a geometry has no {name!r} to override.{did_you_mean(name, names)}")
        card = {**self._card, **changes, **overrides}

        def fail(name: str, what: str) -> None:
            raise InputError(f"scanner {self.name!r}, {name} {what}")

        shape, voxel = tuple(card["image_shape"])[:dims], tuple(card["voxel_mm"])[:dims]
        if len(shape) != dims or len(voxel) != dims:
            fail("image_shape", f"and voxel_size need {dims} values each, not {shape} and {voxel}")
        check_values({**overrides, "image_shape": shape, "voxel_mm": voxel}, "", fail, dims)
        card["max_ring_difference"] = min(card["max_ring_difference"], card["rings"] - 1)
        check_consistent(card, "", fail)
        return CoarsenedScanner(
            coarsening=coarsening,
            dims=dims,
            image_shape=tuple(int(n) for n in shape),
            voxel_mm=tuple(float(s) for s in voxel),
            slice_mm=float(voxel[2] if dims == 3 else self._card["voxel_mm"][2]),
            **{
                name: card[name]
                for name in (
                    "modules",
                    "crystals_per_module",
                    "module_width_mm",
                    "radius_mm",
                    "depth_of_interaction_mm",
                    "rings",
                    "ring_pitch_mm",
                    "max_ring_difference",
                    "radial_bins",
                )
            },
        )

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
    """Return a scanner, by the name of its card or the path of a card of your own (ending in .yaml).

    Parameters
    ----------
    name : str or path

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
    card = read_scanner_card(path)
    own = (
        "name",
        "title",
        "manufacturer",
        "resolution_fwhm_mm",
        "sensitivity_cps_per_kbq",
        "scatter_fraction",
    )
    return Scanner(
        **{field_name: card[field_name] for field_name in own},
        randoms_fraction=card["randoms_fraction"],
        reference_exam=ReferenceExam(**card["reference"]),
        sources=card["sources"],
        _card=card,
    )
