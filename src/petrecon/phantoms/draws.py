"""Random numbers that depend on a seed and a name alone, so that adding one draw never changes another."""

from __future__ import annotations

import zlib

import numpy as np

from petrecon.errors import ParameterError
from petrecon.phantoms.regions import Region, base_name

SIDE_SHARE = 0.3
"""Part of a region's standard deviation that its left and right do not share."""


def check_seed(seed: int) -> int:
    """Return `seed` as an int; raises `ParameterError` when it is not a whole number of at least 0."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ParameterError(f"seed is {seed!r}; it must be a whole number of at least 0")
    return int(seed)


def generator(seed: int, *stream: int | str) -> np.random.Generator:
    """Return a numpy generator of the given stream of a seed."""
    return np.random.default_rng([seed, *(zlib.crc32(s.encode()) if isinstance(s, str) else s for s in stream)])


def normal(seed: int, *stream: int | str) -> float:
    """Return a standard normal number, cut at ±2.5."""
    return float(np.clip(generator(seed, *stream).standard_normal(), -2.5, 2.5))


def region_normal(seed: int, region: Region, *stream: int | str) -> float:
    """Return a standard normal number for a region, mostly shared by its left and right side."""
    shared = normal(seed, *stream, base_name(region.name))
    own = normal(seed, *stream, region.name, "side")
    return float(np.sqrt(1 - SIDE_SHARE**2)) * shared + SIDE_SHARE * own
