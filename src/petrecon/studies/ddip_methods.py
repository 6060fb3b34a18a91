"""Every method that the comparison reconstructs with, by the name it has in tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from petrecon.ddip import DDIPSettings, ddip, dip
from petrecon.errors import ParameterError, did_you_mean
from petrecon.models import NoiseSchedule, ScoreNetwork
from petrecon.reconstruct import Bowsher, RelativeDifference, gaussian_filter, map_em, mlem
from petrecon.studies.ddip_cases import Case


def filtered_mlem(case: Case, *, iterations: int, fwhm_mm: float) -> Tensor:
    """Maximum likelihood, stopped early and smoothed with a Gaussian; (R, X, Y) in kBq/mL."""
    return gaussian_filter(mlem(case.counts, case.model, iterations), case.subject.voxel_size, fwhm_mm)


def relative_difference(case: Case, *, strength: float, iterations: int) -> Tensor:
    """MAP-EM with the relative difference penalty, γ = 2; (R, X, Y) in kBq/mL."""
    return map_em(case.counts, case.model, RelativeDifference(strength, gamma=2.0), iterations=iterations)


def guided_by_mr(case: Case, *, strength: float, neighbours: int, iterations: int) -> Tensor:
    """MAP-EM that smooths between voxels that look alike in the MR (Bowsher); (R, X, Y) in kBq/mL."""
    penalty = Bowsher(strength, case.mr, neighbours=neighbours)
    return map_em(case.counts, case.model, penalty, iterations=iterations)


def deep_image_prior(case: Case, seed: int, *, iterations: int, learning_rate: float) -> Tensor:
    """Deep image prior with the MR as its input; (R, X, Y) in kBq/mL."""
    counts, model, mr = case.counts, case.model, case.mr
    return dip(counts, model, mr, iterations, seed, learning_rate=learning_rate, scale=case.scale).image


def by_settings(
    case: Case, settings: DDIPSettings, network: ScoreNetwork, schedule: NoiseSchedule, seed: int = 0
) -> Tensor:
    """Reconstruct every realisation by DDIP or one of its variants, (R, X, Y) in kBq/mL."""
    return ddip(case.counts, case.model, case.mr, network, schedule, settings, seed, scale=case.scale).image


DDIP_VARIANTS: Mapping[str, DDIPSettings] = {
    "MR only": DDIPSettings(start=1000, steps=50, adapt="none", data="none", warm_start=0),
    "frozen prior": DDIPSettings(steps=150, adapt="none", data="none", consistency_em=5),
    "DDIP": DDIPSettings(),
}
"""The prior's sample for this MR, without counts; the frozen prior with EM steps (PET-DDS) at as many network
evaluations as DDIP; DDIP. Before tuning."""

CLASSICAL: Mapping[str, Callable[..., Tensor]] = {
    "MLEM + filter": filtered_mlem,
    "RDP": relative_difference,
    "Bowsher": guided_by_mr,
}
RIVALS = (*CLASSICAL, "DIP")
"""The methods without a diffusion prior."""
COMPARED = (*RIVALS, *DDIP_VARIANTS)
"""Every method, in the order of the tables."""


def settings_for(method: str, tuned: Mapping[str, Any]) -> DDIPSettings:
    """Return the settings of one of `DDIP_VARIANTS` with its tuned values in place of the defaults."""
    return replace(DDIP_VARIANTS[method], **tuned)


def reconstruct_by(
    method: str, case: Case, tuned: Mapping[str, Any], network: ScoreNetwork, schedule: NoiseSchedule, seed: int = 0
) -> Tensor:
    """Reconstruct every realisation by one method of `COMPARED`.

    Parameters
    ----------
    method : str
    case : Case
    tuned : mapping
        The method's own settings.
    network, schedule
        The prior; methods without one ignore it.
    seed : int

    Returns
    -------
    (R, X, Y) tensor
        kBq/mL.

    Raises
    ------
    ParameterError
        If there is no such method.
    """
    if method in CLASSICAL:
        return CLASSICAL[method](case, **tuned)
    if method == "DIP":
        return deep_image_prior(case, seed, **tuned)
    if method in DDIP_VARIANTS:
        return by_settings(case, settings_for(method, tuned), network, schedule, seed)
    raise ParameterError(f"there is no method {method!r}.{did_you_mean(method, COMPARED)}")
