"""The comparison of all methods: what one run of it records, and what the chapter on its results reads back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from petrecon.compendium import load_array, load_numbers, record, save_array
from petrecon.metrics import Interval, bias_and_sd, format_interval, interval
from petrecon.phantoms import SPLITS
from petrecon.studies.ddip_cases import TRACERS, Case
from petrecon.studies.ddip_methods import COMPARED, RIVALS

if TYPE_CHECKING:
    import pandas as pd

COMPARISON = "22_ddip_compare"
HEADS = SPLITS["test"]
REGIONS = ("grey", "white", "putamen", "thalamus")
SCORES = {"psnr": (2, "dB"), "ssim": (3, "")}
"""Score → digits and unit."""


def record_scores(scores: Mapping[str, Sequence[Mapping[str, float]]], seconds: Mapping[str, float]) -> pd.DataFrame:
    """Record PSNR, SSIM and seconds of every method.

    Parameters
    ----------
    scores : mapping
        Method → for every noise realisation its ``psnr`` (dB) and ``ssim``.
    seconds : mapping
        Method → seconds per image.

    Returns
    -------
    DataFrame
        One row per method: PSNR and SSIM with their intervals, and seconds.
    """
    import pandas as pd

    rows = []
    for method, each in scores.items():
        row: dict[str, Any] = {"method": method}
        for metric, (digits, unit) in SCORES.items():
            samples = [score[metric] for score in each]
            spread = record(f"{metric}/{method}", samples=samples, units="noise draws", unit=unit)
            row[metric.upper()] = _in_table(spread, digits)
        record(f"seconds/{method}", seconds[method], unit="s")
        rows.append(row | {"s": seconds[method]})
    return pd.DataFrame(rows)


def save_images(case: Case, images: Mapping[str, Tensor]) -> None:
    """Save the MR, the truth and every method's image of the first realisation, for `Comparison.image`.

    Parameters
    ----------
    case : Case
    images : mapping of (X, Y) tensor
        Method → image, kBq/mL.
    """
    save_array("mr", case.mr)
    for name, image in {"truth": case.truth, **images}.items():
        save_array(f"image/{name}", image)


def regional_bias(image: Tensor, case: Case) -> dict[str, NDArray[np.float64]]:
    """Return the mean of every region over its true mean, minus one, in per cent: region → (R,) array.

    Parameters
    ----------
    image : (R, X, Y) tensor
        kBq/mL.
    case : Case
        Regions that its slice does not cut are left out.
    """
    masks = {region: case.subject.mask(region) for region in REGIONS}
    return {
        region: (100 * (image[:, mask].mean(1) / case.truth[mask].mean() - 1)).numpy()
        for region, mask in masks.items()
        if mask.any()
    }


def noise_in_brain(image: Tensor, case: Case) -> float:
    """Return the mean over grey and white matter of the voxel's SD over realisations, in per cent of the true mean.

    Parameters
    ----------
    image : (R, X, Y) tensor
        kBq/mL.
    case : Case
    """
    brain = case.subject.mask("grey") | case.subject.mask("white")
    _, sd = bias_and_sd(image, case.truth)
    return 100 * float(sd[brain.numpy()].mean() / case.truth[brain].mean())


def record_regions(bias: Mapping[str, Mapping[str, NDArray[np.float64]]], noise: Mapping[str, float]) -> pd.DataFrame:
    """Record every method's `regional_bias` and `noise_in_brain`; return one row per method, in per cent.

    Parameters
    ----------
    bias : mapping
        Method → region → bias of every realisation.
    noise : mapping
        Method → noise.
    """
    import pandas as pd

    note = "mean voxel SD over realisations in grey and white matter over their mean"
    rows = []
    for method, by_region in bias.items():
        for region, samples in by_region.items():
            record(f"bias/{method}/{region}", samples=samples, units="noise draws", unit="%")
        record(f"noise/{method}", noise[method], unit="%", note=note)
        means = {region: float(samples.mean()) for region, samples in by_region.items()}
        rows.append({"method": method, **means, "SD": noise[method]})
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Comparison:
    """What the runs of the comparison recorded: every tracer in every head, at one scanner, dose and profile.

    Attributes
    ----------
    runs : dict
        (tracer, head) → the parameters of the run.
    numbers : dict
        (tracer, head) → what it recorded.
    """

    runs: dict[tuple[str, str], dict[str, Any]]
    numbers: dict[tuple[str, str], dict[str, dict[str, Any]]]

    @property
    def units(self) -> dict[str, list[Any]]:
        """What a sample of one tracer is one of: the head, and the noise draw in it."""
        draws = len(self.numbers["fdg", HEADS[0]]["psnr/DDIP"]["samples"])
        return {"donors": np.repeat(HEADS, draws).tolist(), "noise draws": [*range(draws)] * len(HEADS)}

    @property
    def units_of_both(self) -> dict[str, list[Any]]:
        """What a sample of both tracers is one of: `units`, tracer by tracer."""
        heads = self.units
        tracers = np.repeat([*TRACERS], len(heads["donors"])).tolist()
        donors, draws = (heads[name] * len(TRACERS) for name in ("donors", "noise draws"))
        return {"donors": donors, "tracers": tracers, "noise draws": draws}

    def samples(self, metric: str, method: str, tracer: str) -> NDArray[np.float64]:
        """Return ``psnr`` (dB) or ``ssim`` of every realisation, head after head."""
        return np.concatenate([self.numbers[tracer, head][f"{metric}/{method}"]["samples"] for head in HEADS])

    def mean(self, metric: str, method: str, tracer: str) -> float:
        """Return the mean of `samples`."""
        return float(self.samples(metric, method, tracer).mean())

    def best_rival(self, metric: str, tracer: str) -> str:
        """Return the method without a diffusion prior whose mean is highest."""
        return max(RIVALS, key=lambda method: self.mean(metric, method, tracer))

    def gain(self, metric: str, first: str, second: str, tracer: str) -> NDArray[np.float64]:
        """Return the paired difference of two methods, realisation by realisation."""
        return self.samples(metric, first, tracer) - self.samples(metric, second, tracer)

    def gain_over_best_rival(self, metric: str) -> NDArray[np.float64]:
        """Return DDIP minus the best rival of each tracer, for both tracers (`units_of_both`)."""
        gains = [self.gain(metric, "DDIP", self.best_rival(metric, tracer), tracer) for tracer in TRACERS]
        return np.concatenate(gains)

    def seconds(self, method: str) -> float:
        """Return the seconds per image, averaged over the runs."""
        return float(np.mean([numbers[f"seconds/{method}"]["value"] for numbers in self.numbers.values()]))

    def noise(self, method: str, tracer: str) -> float:
        """Return `noise_in_brain`, averaged over the heads (%)."""
        return float(np.mean([self.numbers[tracer, head][f"noise/{method}"]["value"] for head in HEADS]))

    def regional_bias(self, method: str, tracer: str) -> float:
        """Return the absolute `regional_bias`, averaged over regions and heads (%)."""
        keys = [(head, f"bias/{method}/{region}") for head in HEADS for region in REGIONS]
        recorded = [self.numbers[tracer, head].get(key) for head, key in keys]
        return float(np.mean([abs(np.mean(number["samples"])) for number in recorded if number]))

    def image(self, name: str, tracer: str) -> NDArray[np.float32]:
        """Return the first head's first image by a method, its ``truth`` or its ``MR``, (X, Y)."""
        key = "mr" if name == "MR" else f"image/{name}"
        return load_array(key, COMPARISON, **self.runs[tracer, HEADS[0]])

    def table(self) -> pd.DataFrame:
        """Return one row per method: PSNR (dB) and SSIM of each tracer with their intervals, and seconds."""
        import pandas as pd

        rows = []
        for method in COMPARED:
            row: dict[str, Any] = {"method": method}
            for tracer, label in TRACERS.items():
                for metric, (digits, _) in SCORES.items():
                    spread = interval(self.samples(metric, method, tracer), units=self.units)
                    row[f"{label} {metric.upper()}"] = _in_table(spread, digits)
            rows.append(row | {"s": self.seconds(method)})
        return pd.DataFrame(rows)


def read_comparison(scanner: str, dose: float, profile: str) -> Comparison:
    """Read the runs of the comparison, one per tracer of `TRACERS` and head of the test split.

    Raises
    ------
    MissingError
        If one was not made; the message names the command that makes it.
    """
    shared = {"scanner": scanner, "dose": dose, "profile": profile}
    runs = {(t, head): {**shared, "tracer": t, "anatomy": head} for t in TRACERS for head in HEADS}
    return Comparison(runs, {key: load_numbers(COMPARISON, **parameters) for key, parameters in runs.items()})


def record_gain(comparison: Comparison, key: str, first: str, second: str, tracer: str) -> str:
    """Record the paired difference of two methods' PSNR, and return it as a sentence.

    Parameters
    ----------
    comparison : Comparison
    key : str
        To record it under.
    first, second, tracer : str
        As in `Comparison.gain`.
    """
    spread = record(
        key,
        samples=comparison.gain("psnr", first, second, tracer),
        units=comparison.units,
        compares=(first, second),
        unit="dB",
        note=f"{first} minus {second}, {tracer}",
    )
    text = format_interval(spread, sign=True, unit="dB") if spread else ""
    return f"{TRACERS[tracer]}: {first} minus {second} **{text}**."


def _in_table(spread: Interval | None, digits: int) -> str:
    return format_interval(spread, digits, over=False) if spread else ""
