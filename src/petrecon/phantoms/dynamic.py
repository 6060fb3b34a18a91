"""Dynamic activity: a protocol gives frames and kinetic parameters, a subject a curve per region."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from petrecon.phantoms.cards import card_names, read_tracer_card
from petrecon.phantoms.draws import check_seed, generator, region_normal
from petrecon.phantoms.frames import Frames
from petrecon.phantoms.kinetics import frame_means, one_tissue, plasma_input, srtm
from petrecon.phantoms.regions import REGIONS, TISSUES, Region, base_name
from petrecon.phantoms.subjects import Subject
from petrecon.phantoms.tracers import lowered

STEP_MIN = 1.0 / 60
_STRIATUM = ("putamen", "caudate", "accumbens")
_BLOODLESS = ("csf", "skull", "scalp", "air")
Range = tuple[float, float]


@dataclass(frozen=True)
class Protocol:
    """A protocol's card: frames, plasma input, reference tissue, and ranges of R1 and BP by region."""

    name: str
    title: str
    frames: Frames
    amplitudes: tuple[float, ...]
    rates_per_min: tuple[float, ...]
    delay_min: float
    reference: dict[str, Range]
    blood_fraction: Range
    peak: float
    region_jitter: float
    striatum_jitter: float
    subject_jitter: float
    regions: dict[str, dict[str, Range]]

    def ranges(self, region: Region) -> dict[str, Range] | None:
        """Return the ranges of R1 and BP of a region, or None where nothing is taken up."""
        for key in (region.name, base_name(region.name), region.tissue):
            if key in self.regions:
                return self.regions[key]
        return None


class Dynamic(NamedTuple):
    """What `dynamic_activity` returns.

    Attributes
    ----------
    activity : (T, *grid) float32 tensor
        Mean decay-corrected activity per frame, kBq/mL.
    tacs : dict
        Region name → (T,) array, kBq/mL: what was painted.
    parameters : dict
        Region name → {R1, k2 (1/min), BP}; also ``reference`` → {K1, k2} and ``blood`` → {fraction}.
    frames : Frames
    """

    activity: Tensor
    tacs: dict[str, NDArray[np.float64]]
    parameters: dict[str, dict[str, float]]
    frames: Frames


def protocol_names() -> list[str]:
    """Return the names of the dynamic protocols in `data/tracers`."""
    return card_names("frames_s")


def load_protocol(name: str | Path = "pe2i") -> Protocol:
    """Load a protocol by name or from a card; raises `ParameterError` or `CardError` naming the field."""
    card = read_tracer_card(name, "frames_s")
    card.only(
        {
            "name",
            "title",
            "half_life_min",
            "frames_s",
            "plasma",
            "reference",
            "blood_fraction",
            "peak",
            "jitter",
            "regions",
        }
    )
    plasma, reference, jitter, table = (card.part(n) for n in ("plasma", "reference", "jitter", "regions"))
    table.only(set(TISSUES) | {r.name for r in REGIONS.values()} | {base_name(r.name) for r in REGIONS.values()})
    amplitudes = plasma.numbers("amplitudes", 0.0, 1e6)
    rates = plasma.numbers("rates_per_min", 0.0, 100.0)
    if len(amplitudes) != 3 or len(rates) != 3:
        raise card.fault("plasma", "needs three amplitudes and three rates")
    regions = {
        key: {"R1": table.interval(key, 0.0, 5.0, "R1"), "BP": table.interval(key, 0.0, 50.0, "BP")}
        for key in table.content
    }
    return Protocol(
        name=card.text("name"),
        title=card.text("title"),
        frames=Frames(card.numbers("frames_s", 1.0, 1e5), 60.0 * card.number("half_life_min", 0.01, 1e7)),
        amplitudes=amplitudes,
        rates_per_min=rates,
        delay_min=plasma.number("delay_min", 0.0, 10.0),
        reference={k: reference.interval(k, 0.0, 5.0) for k in ("K1", "k2")},
        blood_fraction=card.interval("blood_fraction", 0.0, 0.5),
        peak=card.number("peak", 0.0, 10000.0),
        region_jitter=jitter.number("region", 0.0, 0.5),
        striatum_jitter=jitter.number("striatum", 0.0, 0.5),
        subject_jitter=jitter.number("subject", 0.0, 0.5),
        regions=regions,
    )


def dynamic_activity(subject: Subject, protocol: Protocol | str = "pe2i", seed: int = 0) -> Dynamic:
    r"""Paint a subject with one time-activity curve per region.

    The reference tissue follows one compartment from the plasma input, every other region the simplified
    reference tissue model with :math:`k_2 = R_1 k_2'`; brain tissue holds :math:`V_b` of blood:
    :math:`C = (1-V_b) C_{tissue} + V_b C_{plasma}`. All curves are scaled together so that a putamen of
    middling parameters peaks at the card's `peak` times the subject's factor. A region's parameters are drawn
    from `seed` and its name alone.
    """
    protocol = load_protocol(protocol) if isinstance(protocol, str) else protocol
    seed = check_seed(seed)
    frames = protocol.frames
    times = np.arange(0.0, frames.ends_s[-1] / 60 + STEP_MIN / 2, STEP_MIN)
    a, r = protocol.amplitudes, protocol.rates_per_min
    plasma = plasma_input(times, (a[0], a[1], a[2]), (r[0], r[1], r[2]), protocol.delay_min)
    rng = generator(seed, "kinetics")
    reference = {k: rng.uniform(*protocol.reference[k]) for k in ("K1", "k2")}
    blood = rng.uniform(*protocol.blood_fraction)
    striatum = 1 + protocol.striatum_jitter * rng.uniform(-1, 1)
    level = 1 + protocol.subject_jitter * rng.uniform(-1, 1)
    reference_curve = one_tissue(reference, plasma, times)

    middling = {k: sum(v) / 2 for k, v in (protocol.regions.get("putamen") or protocol.regions["grey"]).items()}
    nominal = srtm({**middling, "k2": middling["R1"] * reference["k2"]}, reference_curve, times)
    scale = protocol.peak * level / nominal.max()

    factors = lowered(subject)
    tacs: dict[str, NDArray[np.float64]] = {}
    parameters: dict[str, dict[str, float]] = {"reference": dict(reference), "blood": {"fraction": blood}}
    painted = np.zeros((len(frames), max(subject.regions) + 1))
    for label, region in subject.regions.items():
        ranges = protocol.ranges(region)
        if ranges is None:
            continue
        own = _draw_parameters(ranges, region, seed, protocol.region_jitter)
        if base_name(region.name) in _STRIATUM:
            own["BP"] *= striatum
        if region.tissue == "cerebellum-grey":
            own = {"R1": 1.0, "BP": 0.0}
        own["k2"] = own["R1"] * reference["k2"]
        curve = srtm(own, reference_curve, times)
        if region.tissue not in _BLOODLESS:
            curve = (1 - blood) * curve + blood * plasma
        means = frame_means(curve, times * 60, frames.starts_s, frames.ends_s) * scale * factors.get(label, 1.0)
        painted[:, label] = means
        tacs[region.name], parameters[region.name] = means, own
    images = [subject.paint(dict(enumerate(row)), subject.pet_gain) for row in painted]
    return Dynamic(torch.stack(images), tacs, parameters, frames)


def _draw_parameters(ranges: dict[str, Range], region: Region, seed: int, jitter: float) -> dict[str, float]:
    """Draw R1 and BP: uniform in their ranges, times a random factor; the sides differ little."""
    shared = generator(seed, "ranges", base_name(region.name))
    return {key: shared.uniform(*ranges[key]) * (1 + jitter * region_normal(seed, region, key)) for key in ("R1", "BP")}
