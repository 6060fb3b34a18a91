"""Static tracers: a table of uptake by tissue or region, with random differences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from petrecon.phantoms.cards import card_names, read_tracer_card
from petrecon.phantoms.draws import check_seed, normal, region_normal
from petrecon.phantoms.lesions import labels_named
from petrecon.phantoms.regions import REGIONS, TISSUES, Region, base_name
from petrecon.phantoms.subjects import Subject

_FALLBACK = {
    "deep-grey": "grey",
    "cerebellum-grey": "grey",
    "cerebellum-white": "white",
    "brainstem": "white",
}


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
    """Load a tracer by name, or a user's own card by path.

    Raises
    ------
    ParameterError
        If the name is unknown.
    CardError
        If a field is missing, unknown, out of range or without a source; the field is named.
    """
    card = read_tracer_card(name, "uptake")
    card.only({"name", "title", "half_life_min", "unit", "uptake", "jitter"})
    if card.text("unit") != "kBq/mL":
        raise card.fault("unit", "must be kBq/mL")
    table = card.part("uptake")
    known = set(TISSUES) | {r.name for r in REGIONS.values()} | {base_name(r.name) for r in REGIONS.values()}
    table.only(known - {"air"})
    uptake = {key: table.number(key, 0.0, 10000.0) for key in table.content}
    for tissue in ("grey", "white", "csf"):
        if tissue not in uptake:
            raise card.fault(f"uptake.{tissue}", "is missing")
    jitter = card.part("jitter")
    jitter.only({"region", "subject"})
    return Tracer(
        card.text("name"),
        card.text("title"),
        60.0 * card.number("half_life_min", 0.01, 1e7),
        uptake,
        jitter.number("region", 0.0, 0.5),
        jitter.number("subject", 0.0, 0.5),
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
