"""Dynamic activity: a protocol gives frames and kinetic parameters, a subject a curve per region."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from petrecon.cards import Card, Text, known_keys
from petrecon.phantoms.cards import (
    PLACES,
    Activity,
    Given,
    GivenSpan,
    Minutes,
    Span,
    Spread,
    card_names,
    read_tracer_card,
)
from petrecon.phantoms.draws import check_seed, generator, region_normal
from petrecon.phantoms.frames import Frames
from petrecon.phantoms.kinetics import frame_means, one_tissue, plasma_input, srtm
from petrecon.phantoms.regions import Region, base_name
from petrecon.phantoms.subjects import Subject
from petrecon.phantoms.tracers import lowered

STEP_MIN = 1.0 / 60
_STRIATUM = ("putamen", "caudate", "accumbens")
_BLOODLESS = ("csf", "skull", "scalp", "air")
Range = tuple[float, float]

Amplitude = Annotated[float, Field(ge=0, le=1e6)]
PerMinute = Annotated[float, Field(ge=0, le=100, description="give 1/min")]
Seconds = Annotated[float, Field(ge=1, le=1e5, description="give seconds")]
Delay = Annotated[float, Field(ge=0, le=10, description="give minutes")]
Rate = Annotated[float, Field(ge=0, le=5, description="K1 in mL/cm³/min, k2 in 1/min, R1 without unit")]
Binding = Annotated[float, Field(ge=0, le=50, description="no tracer of the brain binds more")]


class Plasma(Card):
    """Three amplitudes and three rates (1/min) of the plasma input, and its delay in minutes (Feng et al. 1993)."""

    amplitudes: Given[tuple[Amplitude, Amplitude, Amplitude]]
    rates_per_min: Given[tuple[PerMinute, PerMinute, PerMinute]]
    delay_min: Given[Delay]


class ReferenceTissue(Card):
    """Ranges of the one-compartment parameters of the reference tissue."""

    K1: GivenSpan[Rate]
    k2: GivenSpan[Rate]


class DynamicJitter(Card):
    """Random differences: of regions (a standard deviation), of the striatum and of subjects (half-ranges)."""

    region: Given[Spread]
    striatum: Given[Spread]
    subject: Given[Spread]


class RegionRanges(Card):
    """Ranges of R1 and BP of a region, with where they come from."""

    R1: Span[Rate]
    BP: Span[Binding]
    source: Text


class ProtocolCard(Card):
    """A dynamic protocol's card, ``data/tracers/*.yaml``."""

    name: Text
    title: Text
    half_life_min: Given[Minutes]
    frames_s: Given[tuple[Seconds, ...]]
    plasma: Plasma
    reference: ReferenceTissue
    blood_fraction: GivenSpan[Spread]
    peak: Given[Activity]
    jitter: DynamicJitter
    regions: Annotated[dict[str, RegionRanges], known_keys(PLACES)]


@dataclass(frozen=True)
class Protocol:
    """A dynamic protocol.

    Attributes
    ----------
    name, title : str
    frames : Frames
    amplitudes, rates_per_min : tuple of float
        Of the plasma input; rates in 1/min.
    delay_min : float
        Of the plasma input, min.
    reference : dict
        K1 (mL/cm³/min) and k2 (1/min) → range in the reference tissue.
    blood_fraction : tuple of float
        Range of the fraction of blood in brain tissue.
    peak : float
        Of the putamen before the subject's factor, kBq/mL.
    region_jitter, striatum_jitter, subject_jitter : float
        Relative: standard deviation of R1 and BP per region, and half-ranges of the factors common to the striatum and
        to a subject.
    regions : dict
        Region or tissue → ranges of R1 and BP.
    """

    name: str
    title: str
    frames: Frames
    amplitudes: tuple[float, float, float]
    rates_per_min: tuple[float, float, float]
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
    """Load a dynamic protocol.

    Parameters
    ----------
    name : str or Path
        A name of `protocol_names`, or the path of a card of one's own (ending in .yaml or .yml).

    Raises
    ------
    ParameterError
        If the name is unknown.
    CardError
        If a field is missing, unknown, out of range or without a source; the field is named.

    Examples
    --------
    >>> len(load_protocol("pe2i").frames)
    20
    """
    card = read_tracer_card(ProtocolCard, name, "frames_s")
    return Protocol(
        name=card.name,
        title=card.title,
        frames=Frames(card.frames_s.value, 60.0 * card.half_life_min.value),
        amplitudes=card.plasma.amplitudes.value,
        rates_per_min=card.plasma.rates_per_min.value,
        delay_min=card.plasma.delay_min.value,
        reference={"K1": card.reference.K1.range, "k2": card.reference.k2.range},
        blood_fraction=card.blood_fraction.range,
        peak=card.peak.value,
        region_jitter=card.jitter.region.value,
        striatum_jitter=card.jitter.striatum.value,
        subject_jitter=card.jitter.subject.value,
        regions={place: {"R1": ranges.R1, "BP": ranges.BP} for place, ranges in card.regions.items()},
    )


def dynamic_activity(subject: Subject, protocol: Protocol | str = "pe2i", seed: int = 0) -> Dynamic:
    r"""Paint a subject with one time-activity curve per region.

    The reference tissue follows one compartment from the plasma input, every other region the simplified
    reference tissue model with :math:`k_2 = R_1 k_2'`; brain tissue holds :math:`V_b` of blood:
    :math:`C = (1-V_b) C_{tissue} + V_b C_{plasma}`. All curves are scaled together so that a putamen of
    middling parameters peaks at the card's `peak` times the subject's factor. A region's parameters are drawn
    from `seed` and its name alone.

    Parameters
    ----------
    subject : Subject
    protocol : Protocol or str
        Or the name of its card.
    seed : int

    Returns
    -------
    Dynamic
        Activity (T, *grid) in kBq/mL, with its curves and frames.
    """
    protocol = load_protocol(protocol) if isinstance(protocol, str) else protocol
    seed = check_seed(seed)
    frames = protocol.frames
    times = np.arange(0.0, frames.ends_s[-1] / 60 + STEP_MIN / 2, STEP_MIN)
    plasma = plasma_input(times, protocol.amplitudes, protocol.rates_per_min, protocol.delay_min)
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
