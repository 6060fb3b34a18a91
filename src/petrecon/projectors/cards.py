"""What a scanner card must hold: a ring that closes, in sensible units, and a source for every number."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from petrecon.cards import Card, Fault
from petrecon.errors import did_you_mean

Voxels = Annotated[int, Field(ge=1, le=1024, description="the finest grids have some hundred voxels along an axis")]
VoxelSize = Annotated[
    float,
    Field(
        ge=0.1,
        le=50,
        description="smaller voxels than 0.1 mm show nothing new, larger ones than 50 mm no organ; give mm",
    ),
]
Fraction = Annotated[
    float, Field(ge=0, lt=1, description="a fraction is at least 0 and below 1: write 35 % as 0.35, not as 35")
]
COARSER = ("crystals_per_module", "radial_bins", "rings", "max_ring_difference", "image_shape", "voxel_mm")
"""Fields that a coarsening changes, and that a user may replace."""


class Ring(Card):
    """Rings of flat modules with their lines of response, and an image grid inside them; bounds say why."""

    modules: int = Field(ge=3, le=1000, description="a ring has at least 3 flat modules, and no scanner has a thousand")
    crystals_per_module: int = Field(ge=1, le=1000, description="no module has a thousand crystals side by side")
    module_width_mm: float = Field(ge=0.5, le=1000, description="a module is some millimetres to some centimetres wide")
    radius_mm: float = Field(ge=10, le=1000, description="from a scanner for mice to one that a person lies in")
    depth_of_interaction_mm: float = Field(ge=0, le=50, description="crystals are at most some centimetres deep")
    rings: int = Field(ge=1, le=2000, description="the longest scanners have under 700")
    ring_pitch_mm: float = Field(ge=0.2, le=100, description="crystals are some millimetres long")
    max_ring_difference: int = Field(ge=0, le=1999, description="at most the number of rings less one")
    radial_bins: int = Field(ge=1, le=5000, description="no ring has as many detectors")
    image_shape: tuple[Voxels, ...]
    voxel_mm: tuple[VoxelSize, ...]

    @model_validator(mode="after")
    def _check_ring(self) -> Ring:
        """Refuse a ring that does not close, lines that do not exist, and a grid that does not fit inside."""
        side = 2 * self.radius_mm * math.tan(math.pi / self.modules)
        if self.module_width_mm > side * 1.001:
            raise Fault(
                "module_width_mm", f"is {self.module_width_mm}: modules overlap, at most {side:.2f} fits the ring"
            )
        detectors = self.modules * self.crystals_per_module
        if detectors % 2:
            raise Fault("crystals_per_module", f"makes {detectors} detectors in a ring: their number must be even")
        if self.radial_bins % 2 == 0:
            raise Fault("radial_bins", f"is {self.radial_bins}: it must be odd, so that one bin crosses the centre")
        if self.radial_bins >= detectors:
            raise Fault(
                "radial_bins",
                f"is {self.radial_bins}: a ring of {detectors} detectors has at most {detectors - 1}",
            )
        if self.max_ring_difference >= self.rings:
            raise Fault(
                "max_ring_difference",
                f"is {self.max_ring_difference}: with {self.rings} rings it is at most {self.rings - 1}",
            )
        reach = self.radius_mm + self.depth_of_interaction_mm
        for n, size in zip(self.image_shape[:2], self.voxel_mm[:2], strict=True):
            if n * size / 2 > reach:
                raise Fault(
                    "image_shape",
                    f"and voxel_mm make an image {n * size:.0f} mm wide, more than the ring ({2 * reach:.0f} mm)",
                )
        return self


class ReferenceExam(Card):
    """What dose 1.0 means on a scanner.

    Attributes
    ----------
    net_trues_millions : float
        Net true coincidences of the whole exam [10^6].
    duration_s : float
    injected_mbq : float
    note : str
    """

    net_trues_millions: float = Field(ge=1e-3, le=1e5, description="millions of counts, not counts")
    duration_s: float = Field(ge=1, le=86400, description="an exam lasts from a second to a day; give seconds")
    injected_mbq: float = Field(ge=1e-3, le=1e4, description="give MBq")
    note: str


def check_fields(part: dict[str, Any], known: tuple[str, ...], inside: str, required: bool = False) -> None:
    """Refuse an unknown field of a part of the card, and a missing one where all are required."""
    for field in part:
        if field not in known:
            raise Fault(f"{inside}{field}", f"is unknown.{did_you_mean(field, known)}")
    for field in known if required else ():
        if field not in part:
            raise Fault(f"{inside}{field}", "is missing: add it, and its source under sources")


def check_sources(card: Mapping[str, Any]) -> None:
    """Refuse a number without a source for its own field or for the group that holds it, and a source of no number.

    Parameters
    ----------
    card : mapping
        The whole card, with its `sources`.

    Raises
    ------
    Fault
        Naming the field.
    """
    sources, numbers = card["sources"], set(_numbers(card))
    groups = {".".join(path.split(".")[: i + 1]) for path in numbers for i in range(path.count(".") + 1)}
    for field in sources:
        if field not in groups:
            raise Fault(f"sources.{field}", f"is the source of no number on the card.{did_you_mean(field, groups)}")
    for path in sorted(numbers):
        parts = path.split(".")
        if not any(".".join(parts[: i + 1]) in sources for i in range(len(parts))):
            raise Fault(
                f"sources.{path}", "is missing: say where the number comes from ('this project: …' if it is yours)"
            )


def _numbers(part: Mapping[str, Any], inside: str = "") -> Iterator[str]:
    """Yield the dotted path of every number of the card."""
    for field, value in part.items():
        if isinstance(value, Mapping) and field != "sources":
            yield from _numbers(value, f"{inside}{field}.")
        elif isinstance(value, tuple) or (isinstance(value, int | float) and not isinstance(value, bool)):
            yield f"{inside}{field}"
