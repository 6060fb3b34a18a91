r"""Binding potential from time-activity curves, by the simplified reference tissue model and basis functions.

.. math:: C = R_1 C_R + \phi\, C_R \otimes e^{-k_{2a} t}, \quad \phi = k_2 - R_1 k_{2a}, \quad
   BP_{ND} = k_2 / k_{2a} - 1

For each of many k_2a the two linear coefficients follow by weighted least squares, and the best k_2a is kept (Gunn et
al., NeuroImage 6:279, 1997).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from petrecon.errors import InputError
from petrecon.phantoms import Frames
from petrecon.phantoms.kinetics import exponential_convolution, frame_means

Array = NDArray[np.float64]
_STEP_MIN = 1.0 / 30


class Binding(NamedTuple):
    """Parameters of target curves, each (...) like the leading axes of the targets.

    Attributes
    ----------
    R1 : delivery relative to the reference
    k2 : 1/min
    BP : BP_ND
    fitted : (..., T) array, the model's frame means
    """

    R1: Array
    k2: Array
    BP: Array
    fitted: Array


def fit_srtm(
    target: ArrayLike,
    reference: ArrayLike,
    frames: Frames,
    *,
    weights: ArrayLike | None = None,
    rates: Array | None = None,
) -> Binding:
    """Fit the simplified reference tissue model to frame means.

    Parameters
    ----------
    target : (..., T)
        Mean decay-corrected activity of a region per frame [kBq/mL].
    reference : (T,) or (n,)
        The same of the reference tissue; between frames it is a curve through their middles (zero at the start). Or
        a finely sampled curve: n equidistant samples from 0 to the end of the last frame.
    frames : Frames
    weights : (T,), optional
        Default: the frame durations.
    rates : (K,) array, optional
        k_2a [1/min] to try; default 300 of them from 0.006 to 1, on a logarithmic scale.

    Raises
    ------
    InputError
        For curves of a wrong length or not finite, or a reference that is zero.
    """
    y, count = np.asarray(target, dtype=np.float64), len(frames)
    if y.shape[-1:] != (count,) or not np.isfinite(y).all():
        raise InputError(f"the target has shape {y.shape}: give finite values for each of the {count} frames")
    times, curve = _curve(np.asarray(reference, dtype=np.float64), frames)
    k = np.geomspace(0.006, 1.0, 300) if rates is None else np.asarray(rates, dtype=np.float64)
    w = np.asarray(frames.durations_s if weights is None else weights, dtype=np.float64)
    edges = (frames.starts_s / 60, frames.ends_s / 60)
    plain = frame_means(curve, times, *edges)
    basis = np.stack([frame_means(exponential_convolution(curve, rate, times), times, *edges) for rate in k])
    aa, ab, bb = (w * plain * plain).sum(), basis @ (w * plain), (basis * basis) @ w
    ya, yb = y @ (w * plain), y @ (w * basis).T
    determinant = aa * bb - ab * ab
    r1 = (bb * ya[..., None] - ab * yb) / determinant
    phi = (aa * yb - ab * ya[..., None]) / determinant
    explained = r1 * ya[..., None] + phi * yb
    best = explained.argmax(-1)
    pick = np.expand_dims(best, -1)
    r1, phi = (np.take_along_axis(part, pick, -1)[..., 0] for part in (r1, phi))
    rate = k[best]
    k2 = phi + r1 * rate
    fitted = r1[..., None] * plain + phi[..., None] * basis[best]
    return Binding(np.asarray(r1), np.asarray(k2), np.asarray(k2 / rate - 1), fitted)


def _curve(reference: Array, frames: Frames) -> tuple[Array, Array]:
    """Return a finely sampled reference: times (min) and values."""
    from scipy.interpolate import PchipInterpolator

    if reference.ndim != 1 or not np.isfinite(reference).all() or reference.max(initial=0.0) <= 0:
        raise InputError("the reference must be one finite curve that is not zero")
    end = float(frames.ends_s[-1]) / 60
    if len(reference) > len(frames):
        return np.linspace(0.0, end, len(reference)), reference
    if len(reference) != len(frames):
        raise InputError(f"the reference has {len(reference)} values for {len(frames)} frames")
    times = np.linspace(0.0, end, round(end / _STEP_MIN) + 1)
    middles = (frames.starts_s + frames.ends_s) / 120
    knots, values = np.append(0.0, middles), np.append(0.0, reference)
    return times, PchipInterpolator(knots, values)(np.minimum(times, middles[-1]))
