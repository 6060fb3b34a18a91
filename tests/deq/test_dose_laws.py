"""Laws recover their own coefficients; errors and criteria by hand."""

import math

import numpy as np
import pytest

from petrecon.deq import compare_laws, fit_law, hyperparameters, predict_hyperparameters
from petrecon.errors import InputError, ParameterError

DOSES = np.array([150.0, 250.0, 300.0, 400.0, 500.0, 750.0])
EXACT = {
    "linear": {"a": 0.1, "b": 3e-4},
    "power": {"a": 0.04, "b": 0.32},
    "exponential": {"a": 0.2, "b": 8e-4},
    "exponential + constant": {"a": -0.25, "c": 0.3, "b": -4e-3},
    "double exponential": {"a": 0.17, "c": -0.2, "b": 6e-4, "d": -7e-3},
}


def values_of(law, d=DOSES):
    c = EXACT[law]
    return {
        "linear": lambda: c["a"] + c["b"] * d,
        "power": lambda: c["a"] * d ** c["b"],
        "exponential": lambda: c["a"] * np.exp(c["b"] * d),
        "exponential + constant": lambda: c["a"] * np.exp(c["b"] * d) + c["c"],
        "double exponential": lambda: c["a"] * np.exp(c["b"] * d) + c["c"] * np.exp(c["d"] * d),
    }[law]()


@pytest.mark.parametrize("law", EXACT)
def test_law_recovers_its_coefficients(law):
    fit = fit_law(law, DOSES, values_of(law))
    found = dict(fit.coefficients)
    if law == "double exponential" and found["b"] < found["d"]:  # the two terms may come in either order
        found = {"a": found["c"], "c": found["a"], "b": found["d"], "d": found["b"]}
    for name, value in EXACT[law].items():
        assert found[name] == pytest.approx(value, rel=1e-3), name
    assert fit.r2 == pytest.approx(1.0, abs=1e-9)
    dose = np.array([200.0, 600.0])
    np.testing.assert_allclose(fit.predict(dose), values_of(law, dose), rtol=1e-5)


def test_criteria_by_hand():
    rng = np.random.default_rng(0)
    y = 0.1 + 3e-4 * DOSES + 0.01 * rng.standard_normal(6)
    fit = fit_law("linear", DOSES, y)
    slope, intercept = np.polyfit(DOSES, y, 1)
    rss = ((y - intercept - slope * DOSES) ** 2).sum()
    assert fit.coefficients["b"] == pytest.approx(slope, rel=1e-9)
    assert fit.r2 == pytest.approx(np.corrcoef(DOSES, y)[0, 1] ** 2, rel=1e-9)
    assert fit.adjusted_r2 == pytest.approx(1 - (1 - fit.r2) * 5 / 4, rel=1e-12)
    assert fit.aicc == pytest.approx(6 * math.log(rss / 6) + 6 + 24 / 2, rel=1e-9)


def test_aicc_of_four_coefficients_on_six_doses_is_undefined():
    """n - K - 1 = 0 when the variance counts as a parameter: no number is made up."""
    y = values_of("power") + 1e-3 * np.random.default_rng(1).standard_normal(6)
    fits = {fit.law: fit for fit in compare_laws(DOSES, y)}
    assert fits["double exponential"].aicc is None
    assert all(fits[law].aicc is not None for law in fits if law != "double exponential")
    assert fits["double exponential"].r2 >= fits["exponential + constant"].r2 - 1e-9 >= fits["exponential"].r2 - 2e-9


def test_left_out_error_of_a_line_is_that_of_the_press_residual():
    """For a linear law, the error of leaving a dose out is r_i / (1 - h_ii)."""
    y = 0.1 + 3e-4 * DOSES + 0.01 * np.random.default_rng(2).standard_normal(6)
    fit = fit_law("linear", DOSES, y)
    design = np.stack([np.ones(6), DOSES], 1)
    hat = design @ np.linalg.pinv(design)
    expected = np.abs((y - hat @ y) / (1 - np.diag(hat))) / y
    np.testing.assert_allclose(fit.left_out, expected, rtol=1e-7)
    assert fit_law("exponential + constant", DOSES[:3], y[:3]).left_out is None


def test_hyperparameters_are_predicted_at_an_unseen_dose():
    learned = [hyperparameters(0.04 * d**0.32, [0.01 * d**0.2, 0.5 * d**-0.4], 0.1) for d in DOSES]
    theta = predict_hyperparameters(DOSES, learned, 600.0)
    values = theta.values()
    assert values["eta"] == pytest.approx(0.04 * 600**0.32, rel=1e-6)
    assert values["lambda"] == pytest.approx([0.01 * 600**0.2, 0.5 * 600**-0.4], rel=1e-6)
    assert values["epsilon"] == pytest.approx(0.1)
    falling = [hyperparameters(1.0 - 0.001 * d, 0.1, frames=1) for d in DOSES]
    with pytest.raises(ParameterError, match="eta is .* above 0"):
        predict_hyperparameters(DOSES, falling, 1200.0, law="linear")


def test_unusable_points_are_refused():
    with pytest.raises(ParameterError, match="Did you mean 'power'"):
        fit_law("powr", DOSES, DOSES)
    with pytest.raises(InputError, match="needs at least 4 pairs"):
        fit_law("double exponential", DOSES[:3], DOSES[:3])
    for doses in ([0.0, 1.0, 2.0], [1.0, 1.0, 2.0], [1.0, float("nan"), 2.0]):
        with pytest.raises(InputError, match="positive and all different"):
            fit_law("linear", doses, [1.0, 2.0, 3.0])


def test_the_order_of_the_doses_does_not_matter():
    """Neither for a law nor for epsilon, which is interpolated between the doses beside it."""
    learned = [hyperparameters(0.04 * d**0.32, [0.01 * d**0.2], 0.1 * d**0.5) for d in DOSES]
    order = [3, 0, 5, 1, 4, 2]
    ours = predict_hyperparameters(DOSES, learned, 350.0).values()
    shuffled = predict_hyperparameters(DOSES[order], [learned[i] for i in order], 350.0).values()
    assert ours["epsilon"] == pytest.approx(0.1 * 350**0.5, rel=1e-9)  # a power law is a line in logarithms
    for name, value in ours.items():
        assert shuffled[name] == pytest.approx(value, rel=1e-6)
    for law in ("linear", "power", "exponential"):
        one, other = (fit_law(law, DOSES[i], values_of(law)[i]).predict(350.0) for i in (slice(None), order))
        assert one == pytest.approx(other, rel=1e-5)
