"""Scales under which a network sees volumes: each by its own range, as published, or one for both scans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from petrecon.errors import InputError, ParameterError, did_you_mean

SCALINGS = ("each", "shared")

SHARED_PERCENTILE = 99.9
"""Of the short scan's voxels: its maximum is a noise peak, this is close to the activity of grey matter."""


class Scans(Protocol):
    """Short and long scans of N heads: volumes (`petrecon.petite.Pairs`) or slices (`SliceSet`)."""

    @property
    def short(self) -> Tensor:
        """(N, X, Y[, Z]) kBq/mL."""
        ...

    @property
    def long(self) -> Tensor:
        """(N, X, Y[, Z]) kBq/mL."""
        ...


def unit_scale(volumes: Tensor) -> Tensor:
    """Map every volume (N, X, Y[, Z]) to [0, 1] by its own minimum and maximum.

    As published (MONAI's ScaleIntensity). The scale of a noisy scan is then set by its highest noise peak.

    Raises
    ------
    InputError
        For a constant volume, or values that are not finite.
    """
    low, high = _range(volumes)
    return (volumes - low) / (high - low)


def shared_level(short: Tensor) -> Tensor:
    """Return one activity level per volume, (N,) kBq/mL: the 99.9th percentile of the short scan.

    Parameters
    ----------
    short : (N, X, Y[, Z]) tensor
        kBq/mL.

    Returns
    -------
    (N,) tensor

    Raises
    ------
    InputError
        If that level is not above 0, or values are not finite.
    """
    flat = short.flatten(1)
    if not bool(torch.isfinite(flat).all()):
        raise InputError("a volume holds NaN or infinite values: the reconstruction diverged")
    k = round(SHARED_PERCENTILE / 100 * flat.shape[1])
    level = flat.kthvalue(max(1, min(k, flat.shape[1])), dim=1).values
    if not bool((level > 0).all()):
        raise InputError("a short scan is empty: it has no activity to scale by")
    return level


def scaled(pairs: Scans, scaling: str = "each", names: Sequence[str] = ("short", "long")) -> tuple[Tensor, ...]:
    """Return scans as a network sees them, each (N, X, Y[, Z]), dimensionless.

    Parameters
    ----------
    pairs : Pairs or SliceSet
    scaling : {"each", "shared"}
        "each": every volume to [0, 1] by its own range, so that short and long have different gains, which the network
        must learn, and a prediction has no unit. "shared": both divided by the level of the short scan
        (`shared_level`), so that predictions times that level are in kBq/mL.
    names : sequence of str
        Which scans: short, long, and for volumes ideal and truth.

    Returns
    -------
    tuple of (N, X, Y[, Z]) tensor
        One per name.

    Raises
    ------
    ParameterError
        For an unknown scaling.
    InputError
        For volumes that cannot be scaled.
    """
    if scaling not in SCALINGS:
        raise ParameterError(f"there is no scaling {scaling!r}.{did_you_mean(scaling, SCALINGS)}")
    volumes = [getattr(pairs, name) for name in names]
    if scaling == "each":
        return tuple(unit_scale(v) for v in volumes)
    level = shared_level(pairs.short).reshape(-1, *(1,) * (pairs.short.ndim - 1))
    return tuple(v / level for v in volumes)


def _range(volumes: Tensor) -> tuple[Tensor, Tensor]:
    dims = tuple(range(1, volumes.ndim))
    low, high = volumes.amin(dims, keepdim=True), volumes.amax(dims, keepdim=True)
    if not bool(torch.isfinite(low).all() and torch.isfinite(high).all()):
        raise InputError("a volume holds NaN or infinite values: the reconstruction diverged")
    if not bool((high > low).all()):
        raise InputError("a constant volume has no range to scale by")
    return low, high
