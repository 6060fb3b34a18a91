"""Is the spread of a sampler's images the uncertainty it should be? Coverage and rank histogram."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import InputError
from petrecon.metrics.arrays import Image, as_array


def ranks(samples: Image, truth: Image, seed: int = 0) -> NDArray[np.int64]:
    """Return how many of the n samples lie below the truth, 0 to n, for every entry; ties are drawn.

    When truth and samples come from the same distribution every rank is equally likely.

    Parameters
    ----------
    samples : (n, ...)
        Posterior samples.
    truth : (...)

    Raises
    ------
    InputError
        If the shapes differ.
    """
    x, r = as_array(samples, "sample"), as_array(truth, "truth")
    if x.shape[1:] != r.shape:
        raise InputError(f"samples {x.shape} and truth {r.shape} do not belong together: (n, ...) and (...) are needed")
    below, equal = (x < r).sum(0), (x == r).sum(0)
    drawn: NDArray[np.int64] = below + np.random.default_rng(seed).integers(0, equal + 1)
    return drawn


def rank_histogram(samples: Image, truth: Image, bins: int = 10, seed: int = 0) -> NDArray[np.float64]:
    """Return the share of ranks in each of `bins` equal parts of [0, 1], relative to what calibration gives (1).

    A hump means samples spread too much, a valley (high ends) too little, a slope a bias. Source: Talagrand et al.
    1997; Talts et al. 2018. With n samples, `bins` should divide n + 1.

    Parameters
    ----------
    samples : (n, *image) array
        Of the posterior.
    truth : (*image) array
    bins : int
    seed : int
        Breaks ties.

    Returns
    -------
    (bins,) array
    """
    drawn = ranks(samples, truth, seed).ravel()
    n = as_array(samples).shape[0]
    which = np.minimum(drawn * bins // (n + 1), bins - 1)
    expected = np.bincount(np.arange(n + 1) * bins // (n + 1), minlength=bins) / (n + 1)
    return np.asarray(np.bincount(which, minlength=bins) / len(which) / expected)


def coverage(samples: Image, truth: Image, levels: Sequence[float] = (0.5, 0.8, 0.9, 0.95)) -> NDArray[np.float64]:
    """Return the share of entries whose truth lies in the central interval of the samples, one per level.

    A calibrated sampler covers the share that the level says. The interval of n samples runs between the order
    statistics that enclose a share `level` of the n + 1 gaps, interpolated.

    Parameters
    ----------
    samples : (n, ...)
    truth : (...)
    levels : sequence of float
        In (0, (n - 1) / (n + 1)].

    Raises
    ------
    InputError
        If there are too few samples for a level, or the shapes differ.
    """
    x, r = as_array(samples, "sample"), as_array(truth, "truth")
    if x.shape[1:] != r.shape:
        raise InputError(f"samples {x.shape} and truth {r.shape} do not belong together: (n, ...) and (...) are needed")
    n = len(x)
    found = []
    for level in levels:
        if not 0 < level <= (n - 1) / (n + 1):
            raise InputError(f"{n} samples have no central interval of {level:g}: draw more of them")
        tail = (1 - level) / 2
        low, high = np.quantile(x, [tail, 1 - tail], axis=0, method="weibull")
        found.append(float(((low <= r) & (r <= high)).mean()))
    return np.array(found)
