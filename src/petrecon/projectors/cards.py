"""Scanner cards: what a card must hold, and the checks that name the field and the cure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from petrecon.errors import CardError, did_you_mean

PROFILES = ("quick", "laptop", "paper")
_TEXT = ("name", "title", "manufacturer")
_COUNTS = ("modules", "crystals_per_module", "rings", "radial_bins")
_LENGTHS = ("module_width_mm", "radius_mm", "ring_pitch_mm", "resolution_fwhm_mm", "sensitivity_cps_per_kbq")
_FRACTIONS = ("scatter_fraction", "randoms_fraction")
_OTHER = ("depth_of_interaction_mm", "max_ring_difference", "image_shape", "voxel_mm")
_PARTS = ("reference", "profiles", "sources")
_REFERENCE = ("net_trues_millions", "duration_s", "injected_mbq")
_COARSER = ("crystals_per_module", "radial_bins", "rings", "max_ring_difference", "image_shape", "voxel_mm")
MAX_RESOLUTION_MM = 30.0
FIELDS = (*_TEXT, *_COUNTS, *_LENGTHS, *_FRACTIONS, *_OTHER, *_PARTS)


def read_card(path: Path) -> dict[str, Any]:
    """Return a scanner card that has passed every check.

    Raises
    ------
    CardError
        Naming the card, the field and the cure.
    """
    try:
        card = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CardError(f"scanner card {path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise CardError(f"scanner card {path} is not valid YAML: {line}") from error
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
    _check_values(card, "", fail, native=True)
    for field in _FRACTIONS:
        _number(card[field], field, fail, positive=False)
        if card[field] >= 1:
            fail(field, f"is {card[field]}: a fraction is at least 0 and below 1 (write 35 % as 0.35)")
    if card["resolution_fwhm_mm"] > MAX_RESOLUTION_MM:
        fail("resolution_fwhm_mm", f"is {card['resolution_fwhm_mm']}: a PET scanner resolves less; give the FWHM in mm")
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


def _check_values(card: dict[str, Any], inside: str, fail: Callable, native: bool) -> None:
    """Check every field of `card` that is a count, a length or a grid."""
    for field in _COUNTS:
        if field in card:
            _number(card[field], inside + field, fail, whole=True)
    for field in (*_LENGTHS, "depth_of_interaction_mm"):
        if field in card:
            _number(card[field], inside + field, fail, positive=field != "depth_of_interaction_mm")
    if "max_ring_difference" in card:
        _number(card["max_ring_difference"], inside + "max_ring_difference", fail, positive=False, whole=True)
    axes = 3 if native or inside.endswith("3d.") else 2
    for field, whole in (("image_shape", True), ("voxel_mm", False)):
        if field in card:
            values = card[field]
            if not isinstance(values, list) or len(values) != axes:
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
            _check_values(changes, inside, fail, native=False)
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
