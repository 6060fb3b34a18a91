"""Choose every method's settings with the same care: all combinations of a few values, on heads kept for it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from petrecon.ddip.dip import dip
from petrecon.errors import InputError
from petrecon.metrics import psnr
from petrecon.models.diffusion import NoiseSchedule
from petrecon.models.score import ScoreNetwork
from petrecon.studies.ddip_cases import Case, reconstruct_by

Values = Mapping[str, Sequence[Any]]


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
) -> list[dict[str, Any]]:
    """Score every combination on every case.

    Parameters
    ----------
    method : str
        One of `petrecon.studies.ddip_cases.METHODS`.
    cases : mapping
        Name → case; PSNR is averaged over the realisations of each.
    values : mapping
        Setting → values to try. The deep image prior is run once for its largest number of iterations and looked at
        on the way.
    network, schedule, seed :
        As in `reconstruct_by`.

    Returns
    -------
    list of dict
        One row per combination: ``settings``, ``psnr`` (case → dB), ``mean`` (dB), ``seconds`` (per realisation).
    """
    rows = []
    for settings in combinations({k: v for k, v in values.items() if method != "DIP" or k != "iterations"}):
        found: dict[int, dict[str, float]] = {}
        began, count = time.monotonic(), 0
        for name, case in cases.items():
            count += len(case.counts)
            if method == "DIP":
                seen = _along(case, settings, sorted(values["iterations"]), seed)
            else:
                seen = {0: reconstruct_by(method, case, settings, network, schedule, seed)}
            for stop, images in seen.items():
                quality = [psnr(x, case.truth) for x in images]
                found.setdefault(stop, {})[name] = sum(quality) / len(quality)
        spent = (time.monotonic() - began) / count
        for stop, quality_by_case in found.items():
            chosen = {**settings, "iterations": stop} if method == "DIP" else settings
            mean = sum(quality_by_case.values()) / len(quality_by_case)
            rows.append({"settings": chosen, "psnr": quality_by_case, "mean": mean, "seconds": spent})
    return rows


def tuned_settings(
    numbers: Mapping[str, Mapping[str, Any]], method: str, smaller: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Read a method's chosen settings from the numbers that the tuning notebook recorded.

    Parameters
    ----------
    numbers : mapping
        What `load_numbers` returned.
    method : str
        "MR only" has nothing to tune.
    smaller : mapping, optional
        Method → settings that replace the chosen ones, where a profile wants fewer steps.

    Raises
    ------
    InputError
        If it recorded none for this method.
    """
    start = f"tuned/{method}/"
    found = {key.removeprefix(start): entry["value"] for key, entry in numbers.items() if key.startswith(start)}
    if not found and method != "MR only":
        raise InputError(f"the tuning holds no settings of {method!r}: run `petrecon run 21` again")
    return {**found, **(smaller or {}).get(method, {})}


def _along(case: Case, settings: Mapping[str, Any], stops: Sequence[int], seed: int) -> dict[int, Tensor]:
    """Return the deep image prior's images after each number of iterations."""
    kept: dict[int, Tensor] = {}

    def look(iteration: int, image: Tensor) -> None:
        if iteration in stops:
            kept[iteration] = image.clone()

    stop = max(stops)
    result = dip(case.counts, case.model, case.mr, stop, seed, scale=case.scale, callback=look, **settings)
    kept[stop] = result.image
    return kept
