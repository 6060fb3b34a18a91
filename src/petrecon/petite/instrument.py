"""A scanner made ready once for many subjects: making its projectors takes longer than a 3D exam."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from petrecon.petite.protocols import Reconstruction, reconstruction_of
from petrecon.projectors import Geometry, InterleavedProjector, Scanner, load_scanner


@dataclass(frozen=True, eq=False)
class Instrument:
    """A scanner with its projectors and reconstruction protocol.

    Attributes
    ----------
    scanner : Scanner
    coarsening : str
    geometry : Geometry
    projector : InterleavedProjector
        Of as many subsets as the protocol asks for.
    reconstruction : Reconstruction
    overrides : mapping
        Detectors that differ from the card's, as `Scanner.geometry` takes them.
    """

    scanner: Scanner
    coarsening: str
    geometry: Geometry
    projector: InterleavedProjector
    reconstruction: Reconstruction
    overrides: Mapping[str, Any]


@lru_cache(maxsize=1)  # hundreds of MB each; exams are made scanner by scanner
def instrument(scanner: str, coarsening: str = "quick") -> Instrument:
    """Return a scanner's 3D instrument, by the name (or path) of its card.

    Parameters
    ----------
    scanner : str
        Card, or its path.
    coarsening : str
        Of the scanner's 3D grid.

    Returns
    -------
    Instrument

    Raises
    ------
    CardError, ParameterError
        For an unknown scanner or coarsening, or a bad row of the reconstruction table.
    """
    card = load_scanner(scanner)
    return assemble(card, reconstruction_of(card.name), coarsening)


def assemble(card: Scanner, protocol: Reconstruction, coarsening: str, **overrides: Any) -> Instrument:
    """Return the instrument of a card and a protocol; `overrides` as `Scanner.geometry` takes them."""
    geometry = card.geometry(coarsening, 3, **overrides)
    detectors = {name: value for name, value in overrides.items() if name not in ("image_shape", "voxel_size")}
    projector = InterleavedProjector(geometry, protocol.subsets_of(geometry.views))
    return Instrument(card, coarsening, geometry, projector, protocol, detectors)
