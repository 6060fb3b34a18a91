"""Choose every method's settings with the same care: all combinations of a few values, on heads kept for it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from torch import Tensor

from petrecon.compendium import load_numbers, record
from petrecon.ddip import DDIPSettings, dip
from petrecon.errors import InputError
from petrecon.metrics import psnr
from petrecon.models import NoiseSchedule, ScoreNetwork
from petrecon.studies.ddip_cases import TRACERS, Case
from petrecon.studies.ddip_methods import reconstruct_by, settings_for

if TYPE_CHECKING:
    import pandas as pd

TUNING = "21_ddip_tuning"
Values = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Trial:
    """One combination of settings, scored on every case.

    Attributes
    ----------
    settings : dict
    psnr : dict
        Case → dB, the mean over its realisations.
    seconds : float
        Per realisation.
    """

    settings: dict[str, Any]
    psnr: dict[str, float]
    seconds: float

    @property
    def mean(self) -> float:
        """PSNR averaged over the cases, dB."""
        return fmean(self.psnr.values())

    def __str__(self) -> str:
        """Return the settings as a table shows them."""
        texts = {name: value if isinstance(value, str) else f"{value:g}" for name, value in self.settings.items()}
        return ", ".join(f"{name} {text}" for name, text in texts.items()).replace("_", " ")


def combinations(values: Values) -> list[dict[str, Any]]:
    """Return every combination of the listed values."""
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def grid_search(
    method: str,
    cases: Mapping[str, Case],
    values: Values,
    network: ScoreNetwork,
    schedule: NoiseSchedule,
    seed: int = 0,
) -> list[Trial]:
    """Score every combination on every case.

    Parameters
    ----------
    method : str
        One of `petrecon.studies.ddip_methods.COMPARED`.
    cases : mapping
        Name → case; PSNR is averaged over the realisations of each.
    values : mapping
        Setting → values to try. The deep image prior is run once for its largest number of iterations and scored on
        the way.
    network, schedule, seed :
        As in `reconstruct_by`.

    Returns
    -------
    list of Trial
        One per combination.
    """
    trials = []
    for settings in combinations({k: v for k, v in values.items() if method != "DIP" or k != "iterations"}):
        scores: dict[int, dict[str, float]] = {}
        began, count = time.monotonic(), 0
        for name, case in cases.items():
            count += len(case.counts)
            if method == "DIP":
                by_stop = _along(case, settings, sorted(values["iterations"]), seed)
            else:
                by_stop = {0: reconstruct_by(method, case, settings, network, schedule, seed)}
            for stop, images in by_stop.items():
                quality = [psnr(x, case.truth) for x in images]
                scores.setdefault(stop, {})[name] = sum(quality) / len(quality)
        seconds = (time.monotonic() - began) / count
        for stop, quality_by_case in scores.items():
            chosen = {**settings, "iterations": stop} if method == "DIP" else settings
            trials.append(Trial(chosen, quality_by_case, seconds))
    return trials


def record_tuned(best: Mapping[str, Trial]) -> None:
    """Record each method's chosen settings, for `tuned_settings`, and their mean PSNR.

    Parameters
    ----------
    best : mapping
        Method → its best trial.
    """
    for method, trial in best.items():
        for setting, value in trial.settings.items():
            record(_key(method) + setting, value)
        record(f"psnr/{method}", trial.mean, unit="dB")


def tuned_settings(method: str, smaller: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """Read a method's chosen settings from what the tuning recorded.

    Parameters
    ----------
    method : str
        "MR only" has nothing to tune.
    smaller : mapping, optional
        Method → settings that replace the chosen ones, where a profile wants fewer steps.

    Raises
    ------
    InputError
        If it recorded none for this method.
    """
    start = _key(method)
    numbers = load_numbers(TUNING)
    settings = {key.removeprefix(start): entry["value"] for key, entry in numbers.items() if key.startswith(start)}
    if not settings and method != "MR only":
        raise InputError(f"the tuning holds no settings of {method!r}: run `petrecon run {TUNING[:2]}` again")
    return {**settings, **(smaller or {}).get(method, {})}


def tuned_variant(method: str, smaller: Mapping[str, Mapping[str, Any]] | None = None) -> DDIPSettings:
    """Return the tuned settings of one of `DDIP_VARIANTS`; see `tuned_settings`."""
    return settings_for(method, tuned_settings(method, smaller))


def tuning_table(searched: Mapping[str, Sequence[Trial]], best: Mapping[str, Trial]) -> pd.DataFrame:
    """Return one row per method: how much was tried, what was chosen, its PSNR by tracer (dB) and seconds."""
    import pandas as pd

    rows = []
    for method, trial in best.items():
        row = {"method": method, "tried": len(searched[method]), "kept": str(trial)}
        rows.append(row | {TRACERS[case]: quality for case, quality in trial.psnr.items()} | {"s": trial.seconds})
    return pd.DataFrame(rows)


def _key(method: str) -> str:
    return f"tuned/{method}/"


def _along(case: Case, settings: Mapping[str, Any], stops: Sequence[int], seed: int) -> dict[int, Tensor]:
    """Return the deep image prior's images after each number of iterations."""
    images: dict[int, Tensor] = {}

    def save(iteration: int, image: Tensor) -> None:
        if iteration in stops:
            images[iteration] = image.clone()

    stop = max(stops)
    result = dip(case.counts, case.model, case.mr, stop, seed, scale=case.scale, callback=save, **settings)
    images[stop] = result.image
    return images
