"""Static tracers: a table of uptake by tissue or region, with random differences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator
from torch import Tensor

from petrecon.cards import Card, Fault, Text, known_keys
from petrecon.phantoms.cards import PLACES, Activity, Given, Minutes, Spread, card_names, read_tracer_card
from petrecon.phantoms.draws import check_seed, normal, region_normal
from petrecon.phantoms.lesions import labels_named
from petrecon.phantoms.regions import Region, base_name
from petrecon.phantoms.subjects import Subject

_FALLBACK = {
    "deep-grey": "grey",
    "cerebellum-grey": "grey",
    "cerebellum-white": "white",
    "brainstem": "white",
}


def _has_tissues(uptake: dict[str, Given[float]]) -> dict[str, Given[float]]:
    for tissue in ("grey", "white", "csf"):
        if tissue not in uptake:
            raise Fault(tissue, "is missing")
    return uptake


class Jitter(Card):
    """Relative standard deviations of uptake, between regions and between subjects."""

    region: Given[Spread]
    subject: Given[Spread]


class TracerCard(Card):
    """A static tracer's card, ``data/tracers/*.yaml``."""

    name: Text
    title: Text
    half_life_min: Given[Minutes]
    unit: Literal["kBq/mL"]
    uptake: Annotated[dict[str, Given[Activity]], known_keys(PLACES - {"air"}), AfterValidator(_has_tissues)]
    jitter: Jitter


@dataclass(frozen=True)
class Tracer:
    """A tracer's card.

    Attributes
    ----------
    name, title : str
    half_life_s : float
        Of its radionuclide, s.
    uptake : dict
        Tissue or region → kBq/mL. A region (``left-putamen``, then ``putamen``) wins over its tissue; deep
        grey and cerebellar grey fall back on grey, cerebellar white and brainstem on white.
    region_jitter, subject_jitter : float
        Relative standard deviations between regions and between subjects.
    """

    name: str
    title: str
    half_life_s: float
    uptake: dict[str, float]
    region_jitter: float
    subject_jitter: float

    def uptake_in(self, region: Region) -> float:
        """Return the uptake of a region, kBq/mL, before any random difference."""
        for key in (region.name, base_name(region.name), region.tissue, _FALLBACK.get(region.tissue, "")):
            if key in self.uptake:
                return self.uptake[key]
        return 0.0


def tracer_names() -> list[str]:
    """Return the names of the static tracers in `data/tracers`."""
    return card_names("uptake")


def load_tracer(name: str | Path) -> Tracer:
    """Load a tracer.

    Parameters
    ----------
    name : str or Path
        A name of `tracer_names`, or the path of a card of one's own (ending in .yaml or .yml).

    Returns
    -------
    Tracer
        With uptake in kBq/mL and half-life in s.

    Raises
    ------
    ParameterError
        If the name is unknown.
    CardError
        If a field is missing, unknown, out of range or without a source; the field is named.

    Examples
    --------
    >>> load_tracer("fdg").uptake["grey"]
    24.0
    """
    card = read_tracer_card(TracerCard, name, "uptake")
    return Tracer(
        name=card.name,
        title=card.title,
        half_life_s=60.0 * card.half_life_min.value,
        uptake={place: given.value for place, given in card.uptake.items()},
        region_jitter=card.jitter.region.value,
        subject_jitter=card.jitter.subject.value,
    )


def lowered(subject: Subject) -> dict[int, float]:
    """Return the factor on uptake of every label that a hypometabolism of the subject lowers."""
    factors: dict[int, float] = {}
    for low in subject.hypometabolism:
        for label in labels_named(low.region, subject.regions):
            factors[label] = factors.get(label, 1.0) * low.factor
    return factors


def activity(subject: Subject, tracer: Tracer | str, seed: int = 0) -> Tensor:
    """Paint a subject with a tracer; returns (*grid) float32, kBq/mL.

    A region's number is drawn from `seed` and its name alone, so a slice and a volume of one subject agree.

    Parameters
    ----------
    subject : Subject
    tracer : Tracer or str
        Or the name of its card.
    seed : int

    Raises
    ------
    CardError, ParameterError
        For a card that cannot be used, or a seed out of range.
    """
    tracer = load_tracer(tracer) if isinstance(tracer, str) else tracer
    seed = check_seed(seed)
    factors = lowered(subject)
    level = 1 + tracer.subject_jitter * normal(seed, "uptake")
    values = {
        label: tracer.uptake_in(region)
        * level
        * (1 + tracer.region_jitter * region_normal(seed, region, "uptake"))
        * factors.get(label, 1.0)
        for label, region in subject.regions.items()
    }
    return subject.paint(values, subject.pet_gain)
