r"""Compartment models: functions ``(parameters, input_curve, times) -> tissue_curve``, times in minutes.

A curve is sampled on a uniform fine grid and taken to be linear between samples. On such curves the
convolution with an exponential is computed exactly, by recursion:

.. math:: y(t) = \int_0^t e^{-k(t-s)} c(s)\,ds, \qquad
   y_{n+1} = e^{-kh} y_n + w_0 c_n + w_1 c_{n+1},

with :math:`E = (1-e^{-kh})/k`, :math:`w_1 = (h-E)/(kh)` and :math:`w_0 = E - w_1`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]
Model = Callable[[Mapping[str, float], Curve, Curve], Curve]


def exponential_convolution(curve: Curve, rate: float, times: Curve) -> Curve:
    """Return ``curve ⊗ exp(-rate t)``, exact for a curve that is linear between samples.

    Parameters
    ----------
    curve : (..., n) array
        Samples of the curve at `times`.
    rate : float
        Decay rate, 1/min; 0 gives the running integral.
    times : (n,) array
        Uniform, starting at 0, min.
    """
    from scipy.signal import lfilter

    step = float(times[1] - times[0])
    if not np.allclose(np.diff(times), step, rtol=1e-6, atol=0):
        raise ValueError("times must be uniform")
    x = rate * step
    if abs(x) < 1e-4:
        whole, late = step * (1 - x / 2 + x * x / 6), step * (0.5 - x / 6 + x * x / 24)
    else:
        whole = step * -np.expm1(-x) / x
        late = step * (x + np.expm1(-x)) / x**2
    c = np.asarray(curve, dtype=np.float64)
    drive = np.zeros_like(c)
    drive[..., 1:] = (whole - late) * c[..., :-1] + late * c[..., 1:]
    out: Curve = lfilter([1.0], [1.0, -np.exp(-x)], drive, axis=-1)
    return out


def one_tissue(parameters: Mapping[str, float], input_curve: Curve, times: Curve) -> Curve:
    r"""One tissue: :math:`C = K_1\, C_p \otimes e^{-k_2 t}`; parameters `K1` (mL/cm³/min), `k2` (1/min)."""
    return parameters["K1"] * exponential_convolution(input_curve, parameters["k2"], times)


def two_tissue(parameters: Mapping[str, float], input_curve: Curve, times: Curve) -> Curve:
    r"""Two tissue compartments: `K1` (mL/cm³/min), `k2`, `k3`, `k4` (1/min); returns their sum.

    .. math:: C = \frac{K_1}{\beta-\alpha}\left[(k_3+k_4-\alpha)e^{-\alpha t}
       + (\beta-k_3-k_4)e^{-\beta t}\right] \otimes C_p,

    with α < β the roots of :math:`s^2 - (k_2+k_3+k_4)s + k_2k_4` (Innis et al., J Cereb Blood Flow Metab
    27:1533, 2007, for the notation).
    """
    K1, k2, k3, k4 = (parameters[name] for name in ("K1", "k2", "k3", "k4"))
    total = k2 + k3 + k4
    root = np.sqrt(total**2 - 4 * k2 * k4)
    alpha, beta = 0.5 * (total - root), 0.5 * (total + root)
    if root < 1e-9 * max(total, 1e-12):
        raise ValueError("two_tissue needs k3 > 0 or k2 != k4; use one_tissue")
    slow = (k3 + k4 - alpha) * exponential_convolution(input_curve, alpha, times)
    fast = (beta - k3 - k4) * exponential_convolution(input_curve, beta, times)
    return K1 / (beta - alpha) * (slow + fast)


def srtm(parameters: Mapping[str, float], input_curve: Curve, times: Curve) -> Curve:
    r"""Simplified reference tissue model of the reference's curve; parameters `R1`, `k2` (1/min), `BP`.

    .. math:: C = R_1 C_R + \left(k_2 - \frac{R_1 k_2}{1+BP}\right) C_R \otimes e^{-k_2 t/(1+BP)}

    (Lammertsma and Hume, NeuroImage 4:153, 1996, eq. 7).
    """
    R1, k2, BP = (parameters[name] for name in ("R1", "k2", "BP"))
    apparent = k2 / (1 + BP)
    return R1 * input_curve + (k2 - R1 * apparent) * exponential_convolution(input_curve, apparent, times)


def plasma_input(
    times: Curve,
    amplitudes: tuple[float, float, float] = (851.1, 21.88, 20.81),
    rates: tuple[float, float, float] = (4.134, 0.1191, 0.01043),
    delay: float = 0.4,
) -> Curve:
    r"""Return a plasma curve of Feng's shape, arbitrary units.

    With :math:`\tau = t - delay` (min),

    .. math:: C_p = (A_1\tau - A_2 - A_3)e^{-\lambda_1\tau} + A_2e^{-\lambda_2\tau} + A_3e^{-\lambda_3\tau}

    (Feng et al., Int J Biomed Comput 32:95, 1993, model 2). Zero before the delay.
    """
    a1, a2, a3 = amplitudes
    tau = np.maximum(np.asarray(times, dtype=np.float64) - delay, 0.0)
    first = (a1 * tau - a2 - a3) * np.exp(-rates[0] * tau)
    return np.maximum(first + a2 * np.exp(-rates[1] * tau) + a3 * np.exp(-rates[2] * tau), 0.0)


def frame_means(curve: Curve, times: Curve, starts: Curve, ends: Curve) -> Curve:
    """Return the mean of a curve over each frame, exact for a curve that is linear between samples.

    Parameters
    ----------
    curve : (..., n) array
        Samples at `times`.
    times : (n,) array
        Sample times; any unit, the same as that of the frames.
    starts, ends : (T,) arrays
        Frames, each inside the sampled time.

    Returns
    -------
    (..., T) array
    """
    from scipy.integrate import cumulative_trapezoid

    starts, ends = np.asarray(starts, dtype=np.float64), np.asarray(ends, dtype=np.float64)
    if starts.min() < times[0] or ends.max() > times[-1] + 1e-9 or (ends <= starts).any():
        raise ValueError("frames must be longer than zero and lie inside the sampled time")
    area = cumulative_trapezoid(curve, times, axis=-1, initial=0)

    def until(t: Curve) -> Curve:
        at = np.clip(np.searchsorted(times, t, side="right") - 1, 0, len(times) - 2)
        part = t - times[at]
        slope = (curve[..., at + 1] - curve[..., at]) / (times[at + 1] - times[at])
        found: Curve = area[..., at] + part * (curve[..., at] + 0.5 * part * slope)
        return found

    return (until(ends) - until(starts)) / (ends - starts)
