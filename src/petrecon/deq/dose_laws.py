r"""Laws of a hyperparameter with dose, fitted and compared.

Every law is linear in its amplitudes once its rates are known, so only the rates are searched (variable projection,
Golub and Pereyra 1973): the sum of squares is minimised over the rates from several starts, the amplitudes follow by
linear least squares.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from petrecon.deq.hyperparameters import Hyperparameters, hyperparameters
from petrecon.errors import InputError, ParameterError, did_you_mean

Array = NDArray[np.float64]


class Law(NamedTuple):
    """A law: its formula, the names of its coefficients (amplitudes, then rates) and its basis functions."""

    formula: str
    amplitudes: tuple[str, ...]
    rates: tuple[str, ...]
    basis: Callable[[Array, Array], list[Array]]


def _exp(rate: float, dose: Array) -> Array:
    return np.exp(np.clip(rate * dose, -60.0, 60.0))


LAWS = {
    "linear": Law("a + b D", ("a", "b"), (), lambda d, r: [np.ones_like(d), d]),
    "power": Law("a D^b", ("a",), ("b",), lambda d, r: [d ** r[0]]),
    "exponential": Law("a exp(b D)", ("a",), ("b",), lambda d, r: [_exp(r[0], d)]),
    "exponential + constant": Law("a exp(b D) + c", ("a", "c"), ("b",), lambda d, r: [_exp(r[0], d), np.ones_like(d)]),
    "double exponential": Law(
        "a exp(b D) + c exp(d D)", ("a", "c"), ("b", "d"), lambda d, r: [_exp(r[0], d), _exp(r[1], d)]
    ),
}
_STARTS = (-6.0, -2.0, -0.7, -0.1, 0.1, 0.7, 2.0)


class LawFit(NamedTuple):
    """A law fitted to values over doses.

    Attributes
    ----------
    law : str
    coefficients : dict
        By name, in the units of the doses and values given.
    r2, adjusted_r2 : float
        1 - RSS/TSS, and the same with n - k and n - 1 degrees of freedom; the second is NaN where n <= k.
    aicc : float or None
        n log(RSS/n) + 2K + 2K(K+1)/(n-K-1) with K = k + 1 (the variance counts); None where n - K - 1 <= 0.
    left_out : (n,) array or None
        Relative error of predicting each value from the others; None where n - 1 < k.
    doses, values : (n,) arrays
    """

    law: str
    coefficients: dict[str, float]
    r2: float
    adjusted_r2: float
    aicc: float | None
    left_out: Array | None
    doses: Array
    values: Array

    def predict(self, dose: ArrayLike) -> Array:
        """Return the law's value at a dose or doses."""
        return _evaluate(LAWS[self.law], self.coefficients, np.asarray(dose, dtype=np.float64))


def fit_law(law: str, doses: ArrayLike, values: ArrayLike) -> LawFit:
    """Fit one law to positive doses and values of any sign, (n,) each, by least squares.

    Parameters
    ----------
    law : str
        Of `LAWS`.
    doses : (n,) array
        As fractions of the reference exam.
    values : (n,) array
        In any unit.

    Returns
    -------
    LawFit

    Raises
    ------
    ParameterError
        For an unknown law.
    InputError
        For fewer points than coefficients, doses that are not positive, finite and distinct, or values not finite.
    """
    if law not in LAWS:
        raise ParameterError(f"there is no law {law!r}.{did_you_mean(law, LAWS)}")
    d, v = np.asarray(doses, dtype=np.float64).ravel(), np.asarray(values, dtype=np.float64).ravel()
    k, n = len(LAWS[law].amplitudes) + len(LAWS[law].rates), len(d)
    if len(v) != n or n < k:
        raise InputError(f"{len(v)} values at {n} doses: the {law} law needs at least {k} pairs")
    if not (np.isfinite(d).all() and np.isfinite(v).all()) or d.min() <= 0 or len(set(d)) < n:
        raise InputError("doses must be positive and all different, and values finite")
    coefficients = _fit(LAWS[law], d, v)
    rss = float(((v - _evaluate(LAWS[law], coefficients, d)) ** 2).sum())
    tss = float(((v - v.mean()) ** 2).sum())
    r2 = 1 - rss / tss if tss > 0 else (1.0 if rss == 0 else 0.0)
    adjusted = 1 - (1 - r2) * (n - 1) / (n - k) if n > k else math.nan
    K = k + 1
    aicc = None
    if n - K - 1 > 0:
        floor = np.finfo(float).eps ** 2 * max(float((v**2).mean()), 1e-300)
        aicc = n * math.log(max(rss / n, floor)) + 2 * K + 2 * K * (K + 1) / (n - K - 1)
    left_out = _left_out(LAWS[law], d, v) if n - 1 >= k else None
    return LawFit(law, coefficients, r2, adjusted, aicc, left_out, d, v)


def compare_laws(doses: ArrayLike, values: ArrayLike, laws: Sequence[str] = tuple(LAWS)) -> list[LawFit]:
    """Fit several laws, in the order given; raises as `fit_law`.

    Parameters
    ----------
    doses, values : (n,) array
        As `fit_law`.
    laws : sequence of str
        Of `LAWS`.

    Returns
    -------
    list of LawFit
    """
    return [fit_law(law, doses, values) for law in laws]


def predict_hyperparameters(
    doses: Sequence[float], learned: Sequence[Hyperparameters], dose: float, law: str = "power"
) -> Hyperparameters:
    """Return the hyperparameters that a law fitted to those learned at other doses gives at a dose.

    η and every λ_t follow the law; ε is interpolated in log-dose (it is the same at all doses unless it was learned).

    Parameters
    ----------
    doses : sequence of float
        Where hyperparameters were learned.
    learned : sequence of Hyperparameters
        One per dose.
    dose : float
    law : str
        Of `LAWS`.

    Returns
    -------
    Hyperparameters

    Raises
    ------
    ParameterError
        Where the law gives a value that is not positive; and as `fit_law`.
    """
    values = [theta.values() for theta in learned]
    frames = learned[0].frames
    eta = float(fit_law(law, doses, [float(v["eta"]) for v in values]).predict(dose))  # type: ignore[arg-type]
    lam = [
        float(fit_law(law, doses, [v["lambda"][t] for v in values]).predict(dose))  # type: ignore[index]
        for t in range(frames)
    ]
    order = np.argsort(doses)
    logs = np.log([float(v["epsilon"]) for v in values])[order]  # type: ignore[arg-type]
    epsilon = float(np.exp(np.interp(math.log(dose), np.log(np.asarray(doses)[order]), logs)))
    return hyperparameters(eta, lam, epsilon)


def _fit(law: Law, doses: Array, values: Array) -> dict[str, float]:
    """Return the coefficients; doses are scaled by their mean, rates searched, amplitudes solved for."""
    from scipy.optimize import least_squares

    scaled, unit = doses / doses.mean(), float(np.abs(values).max()) or 1.0

    def amplitudes(rates: Array) -> tuple[Array, Array]:
        matrix = np.stack(law.basis(scaled, rates), axis=1)
        norms = np.linalg.norm(matrix, axis=0)
        solution = np.linalg.lstsq(matrix / norms, values / unit, rcond=1e-10)[0] / norms
        return solution * unit, matrix @ solution - values / unit

    best = np.zeros(0)
    if law.rates:
        starts = itertools.combinations(_STARTS, len(law.rates))
        bounds = (-12.0, 12.0)
        fits = [
            least_squares(lambda r: amplitudes(r)[1], start, bounds=bounds, xtol=1e-14, ftol=1e-14, gtol=1e-14)
            for start in starts
        ]
        best = min(fits, key=lambda fit: fit.cost).x
    heights = amplitudes(best)[0]
    mean = doses.mean()
    if law.formula == "a D^b":
        heights, rates = heights * mean**-best, best
    elif law.rates:
        rates = best / mean
    else:
        heights, rates = heights / np.array([1.0, mean]), best
    return dict(zip(law.amplitudes + law.rates, [*map(float, heights), *map(float, rates)], strict=True))


def _evaluate(law: Law, coefficients: dict[str, float], dose: Array) -> Array:
    rates = np.array([coefficients[name] for name in law.rates])
    terms = law.basis(dose, rates)
    total: Array = np.asarray(sum(coefficients[n] * term for n, term in zip(law.amplitudes, terms, strict=True)))
    return total


def _left_out(law: Law, doses: Array, values: Array) -> Array:
    errors = []
    for i in range(len(doses)):
        rest = np.arange(len(doses)) != i
        predicted = float(_evaluate(law, _fit(law, doses[rest], values[rest]), doses[i]))
        errors.append(abs(predicted - values[i]) / max(abs(values[i]), 1e-300))
    return np.array(errors)
