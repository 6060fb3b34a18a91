"""Scanner cards: what a card must hold, and the checks that name the field and the cure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from petrecon.errors import CardError, did_you_mean
from petrecon.yaml_files import read_yaml

PROFILES = ("quick", "laptop", "paper")
_TEXT = ("name", "title", "manufacturer")
_COUNTS = ("modules", "crystals_per_module", "rings", "radial_bins")
_LENGTHS = ("module_width_mm", "radius_mm", "ring_pitch_mm", "resolution_fwhm_mm", "sensitivity_cps_per_kbq")
_FRACTIONS = ("scatter_fraction", "randoms_fraction")
_OTHER = ("depth_of_interaction_mm", "max_ring_difference", "image_shape", "voxel_mm")
_PARTS = ("reference", "profiles", "sources")
_REFERENCE = ("net_trues_millions", "duration_s", "injected_mbq")
_COARSER = ("crystals_per_module", "radial_bins", "rings", "max_ring_difference", "image_shape", "voxel_mm")
_BOUNDS: dict[str, tuple[float, float, str]] = {
    "modules": (3, 1000, "a ring has at least 3 flat modules, and no scanner has a thousand"),
    "crystals_per_module": (1, 1000, "no module has a thousand crystals side by side"),
    "rings": (1, 2000, "the longest scanners have under 700"),
    "radial_bins": (1, 5000, "no ring has as many detectors"),
    "module_width_mm": (0.5, 1000, "a module is some millimetres to some centimetres wide"),
    "radius_mm": (10, 1000, "from a scanner for mice to one that a person lies in"),
    "depth_of_interaction_mm": (0, 50, "crystals are at most some centimetres deep"),
    "ring_pitch_mm": (0.2, 100, "crystals are some millimetres long"),
    "resolution_fwhm_mm": (0.2, 30, "positron range alone blurs more, and every PET scanner resolves less than 30 mm"),
    "sensitivity_cps_per_kbq": (1e-3, 1000, "1 kBq decays 1000 times a second"),
    "image_shape": (1, 1024, "the finest grids have some hundred voxels along an axis"),
    "voxel_mm": (0.1, 50, "smaller voxels than 0.1 mm show nothing new, larger ones than 50 mm no organ"),
    "reference.net_trues_millions": (1e-3, 1e5, "millions of counts, not counts"),
    "reference.duration_s": (1, 86400, "an exam lasts from a second to a day; give seconds"),
    "reference.injected_mbq": (1e-3, 1e4, "give MBq"),
}
"""Least and largest sensible value of a field, and why; beyond them lies a slip of the unit or of the keyboard."""
FIELDS = (*_TEXT, *_COUNTS, *_LENGTHS, *_FRACTIONS, *_OTHER, *_PARTS)


def read_scanner_card(path: Path) -> dict[str, Any]:
    """Return a scanner card that has passed every check.

    Raises
    ------
    CardError
        Naming the card, the field and the cure.
    """
    card = read_yaml(path, f"scanner card {path}")
    check_card(card, path.stem)
    return card


def check_card(card: Any, label: str) -> None:
    """Check one card; `label` names it in messages."""

    def fail(field: str, what: str) -> None:
        raise CardError(f"scanner card {label!r}, field {field!r}: {what}")

    if not isinstance(card, dict):
        raise CardError(f"scanner card {label!r} is not a list of `field: value` lines: copy one in data/scanners")
    _names(card, FIELDS, "", fail)
    for field in _TEXT:
        if not isinstance(card[field], str) or not card[field].strip():
            fail(field, "must be text")
    if card["name"] != label:
        fail("name", f"is {card['name']!r} in a file named {label!r}: make them equal")
    check_values(card, "", fail, axes=3)
    for field in _FRACTIONS:
        _number(card[field], field, fail, positive=False)
        if card[field] >= 1:
            fail(field, f"is {card[field]}: a fraction is at least 0 and below 1 (write 35 % as 0.35)")
    _check_reference(card["reference"], fail)
    _check_profiles(card, fail)
    _check_sources(card, fail)


def _names(part: Any, known: tuple[str, ...], inside: str, fail: Callable, required: bool = True) -> None:
    """Refuse unknown and missing fields of a part of the card."""
    if not isinstance(part, dict):
        fail(inside.rstrip("."), "must be a group of `field: value` lines")
    for field in part:
        if field not in known:
            fail(f"{inside}{field}", f"is unknown.{did_you_mean(str(field), known)}")
    for field in known:
        if required and field not in part:
            fail(f"{inside}{field}", "is missing: add it, and its source under sources")


def _number(value: Any, field: str, fail: Callable, *, positive: bool = True, whole: bool = False) -> None:
    """Refuse what is not a finite number of the right sign."""
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        fail(field, f"is {value!r}: give a {'whole ' if whole else ''}number")
    if not math.isfinite(value):
        fail(field, f"is {value}: give a finite number")
    if value < 0 or (positive and value == 0):
        fail(field, f"is {value}: give a {'positive number' if positive else 'number that is not negative'}")
    low, high, why = _BOUNDS.get(field.removeprefix(_inside(field)), (-math.inf, math.inf, ""))
    if not low <= value <= high:
        fail(field, f"is {value}: it must lie between {low:g} and {high:g} ({why})")


def _inside(field: str) -> str:
    """Return the part of a field's path that names the profile it is changed in, `profiles.quick.2d.` for example."""
    return field[: field.rfind(".") + 1] if field.startswith("profiles.") else ""


def check_values(card: dict[str, Any], inside: str, fail: Callable, axes: int) -> None:
    """Check every field of `card` that is a count, a length or a grid, of `axes` axes."""
    for field in _COUNTS:
        if field in card:
            _number(card[field], inside + field, fail, whole=True)
    for field in (*_LENGTHS, "depth_of_interaction_mm"):
        if field in card:
            _number(card[field], inside + field, fail, positive=field != "depth_of_interaction_mm")
    if "max_ring_difference" in card:
        _number(card["max_ring_difference"], inside + "max_ring_difference", fail, positive=False, whole=True)
    for field, whole in (("image_shape", True), ("voxel_mm", False)):
        if field in card:
            values = card[field]
            if not isinstance(values, list | tuple) or len(values) != axes:
                fail(inside + field, f"is {values!r}: give a list of {axes} numbers, one per axis")
            for value in values:
                _number(value, inside + field, fail, whole=whole)


def _check_reference(reference: Any, fail: Callable) -> None:
    _names(reference, (*_REFERENCE, "note"), "reference.", fail)
    for field in _REFERENCE:
        _number(reference[field], f"reference.{field}", fail)
    if not isinstance(reference["note"], str):
        fail("reference.note", "must be text")


def _check_profiles(card: dict[str, Any], fail: Callable) -> None:
    """Check each profile on its own and the scanner that it makes."""
    check_consistent(card, "", fail)
    _names(card["profiles"], PROFILES, "profiles.", fail)
    for profile, parts in card["profiles"].items():
        _names(parts, ("2d", "3d"), f"profiles.{profile}.", fail)
        for part, changes in parts.items():
            inside = f"profiles.{profile}.{part}."
            _names(changes, _COARSER, inside, fail, required=False)
            check_values(changes, inside, fail, axes=3 if part == "3d" else 2)
            check_consistent({**card, **changes}, inside, fail)


def check_consistent(card: dict[str, Any], inside: str, fail: Callable) -> None:
    """Check that the ring closes, the lines exist and the grid fits inside."""
    side = 2 * card["radius_mm"] * math.tan(math.pi / card["modules"]) if card["modules"] > 2 else 0.0
    detectors = card["modules"] * card["crystals_per_module"]
    if card["modules"] < 3:
        fail(f"{inside}modules", f"is {card['modules']}: a ring has at least 3 flat modules")
    if card["module_width_mm"] > side * 1.001:
        fail(
            f"{inside}module_width_mm",
            f"is {card['module_width_mm']}: modules overlap, at most {side:.2f} fits the ring",
        )
    if detectors % 2:
        fail(
            f"{inside}crystals_per_module",
            f"makes {detectors} detectors in a ring: their number must be even",
        )
    if card["radial_bins"] % 2 == 0:
        fail(
            f"{inside}radial_bins",
            f"is {card['radial_bins']}: it must be odd, so that one bin crosses the centre",
        )
    if card["radial_bins"] >= detectors:
        fail(
            f"{inside}radial_bins",
            f"is {card['radial_bins']}: a ring of {detectors} detectors has at most {detectors - 1}",
        )
    if card["max_ring_difference"] >= card["rings"]:
        fail(
            f"{inside}max_ring_difference",
            f"is {card['max_ring_difference']}: with {card['rings']} rings it is at most {card['rings'] - 1}",
        )
    reach = card["radius_mm"] + card["depth_of_interaction_mm"]
    for n, size in zip(card["image_shape"][:2], card["voxel_mm"][:2], strict=True):
        if n * size / 2 > reach:
            fail(
                f"{inside}image_shape",
                f"and voxel_mm make an image {n * size:.0f} mm wide, more than the ring ({2 * reach:.0f} mm)",
            )


def _check_sources(card: dict[str, Any], fail: Callable) -> None:
    """Every number needs a source, given for its own field or for the group that holds it."""
    sources = card["sources"]
    if not isinstance(sources, dict):
        fail("sources", "must be a group of `field: text` lines")
    numbers = set(_numbers(card))
    groups = {".".join(path.split(".")[: i + 1]) for path in numbers for i in range(path.count(".") + 1)}
    for field, text in sources.items():
        if field not in groups:
            fail(
                f"sources.{field}",
                f"is the source of no number on the card.{did_you_mean(str(field), groups)}",
            )
        if not isinstance(text, str) or not text.strip():
            fail(f"sources.{field}", "must say where the number comes from")
    for path in sorted(numbers):
        parts = path.split(".")
        if not any(".".join(parts[: i + 1]) in sources for i in range(len(parts))):
            fail(
                f"sources.{path}",
                "is missing: say where the number comes from ('this project: …' if it is yours)",
            )


def _numbers(part: dict[str, Any], inside: str = "") -> Iterator[str]:
    """Yield the dotted path of every number of the card."""
    for field, value in part.items():
        if isinstance(value, dict) and field != "sources":
            yield from _numbers(value, f"{inside}{field}.")
        elif isinstance(value, list) or (isinstance(value, int | float) and not isinstance(value, bool)):
            yield f"{inside}{field}"
