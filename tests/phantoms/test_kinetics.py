import numpy as np
import pytest

from petrecon.phantoms.kinetics import (
    exponential_convolution,
    frame_means,
    one_tissue,
    plasma_input,
    srtm,
    two_tissue,
)

TIMES = np.arange(0, 60 + 1e-9, 1 / 60)


def test_convolution_with_a_constant_is_exact():
    r"""1 ⊗ e^{-kt} = (1 - e^{-kt}) / k, exactly, since a constant is linear between samples."""
    for rate in (0.0, 1e-7, 1e-3, 0.1, 5.0, 300.0):
        exact = -np.expm1(-rate * TIMES) / rate if rate else TIMES
        np.testing.assert_allclose(
            exponential_convolution(np.ones_like(TIMES), rate, TIMES), exact, rtol=1e-10, atol=1e-12
        )


def test_convolution_with_a_ramp_is_exact():
    r"""t ⊗ e^{-kt} = t/k - (1 - e^{-kt})/k²."""
    for rate in (0.05, 0.5, 5.0):
        exact = TIMES / rate + np.expm1(-rate * TIMES) / rate**2
        np.testing.assert_allclose(exponential_convolution(TIMES, rate, TIMES), exact, rtol=1e-9, atol=1e-11)


def test_the_series_for_slow_rates_joins_the_closed_form():
    curve = np.sin(TIMES)
    below, above = (exponential_convolution(curve, 1e-4 * 60 * f, TIMES) for f in (0.999999, 1.000001))
    np.testing.assert_allclose(below, above, rtol=1e-5, atol=1e-6)


def test_one_tissue_with_an_exponential_input_is_the_analytic_curve():
    r"""K1 e^{-at} ⊗ e^{-k2 t} = K1 (e^{-at} - e^{-k2 t}) / (k2 - a), up to the sampling of the input."""
    a, parameters = 0.3, {"K1": 0.4, "k2": 0.12}
    exact = 0.4 * (np.exp(-a * TIMES) - np.exp(-0.12 * TIMES)) / (0.12 - a)
    np.testing.assert_allclose(one_tissue(parameters, np.exp(-a * TIMES), TIMES), exact, rtol=3e-6, atol=1e-9)


def solve(parameters, curve):
    """Integrate C1' = K1 C_p - (k2 + k3) C1 + k4 C2 and C2' = k3 C1 - k4 C2 with scipy."""
    from scipy.integrate import solve_ivp

    K1, k2, k3, k4 = (parameters[k] for k in ("K1", "k2", "k3", "k4"))

    def slope(t, c):
        plasma = np.interp(t, TIMES, curve)
        return [K1 * plasma - (k2 + k3) * c[0] + k4 * c[1], k3 * c[0] - k4 * c[1]]

    sol = solve_ivp(slope, (0, 60), [0, 0], t_eval=TIMES[::60], rtol=1e-9, atol=1e-11, max_step=0.05)
    return sol.y.sum(0)


@pytest.mark.parametrize("k", [(0.35, 0.12, 0.09, 0.03), (0.1, 0.15, 0.08, 0.0)])
def test_two_tissue_solves_its_differential_equations(k):
    parameters = dict(zip(("K1", "k2", "k3", "k4"), k, strict=True))
    curve = plasma_input(TIMES)
    np.testing.assert_allclose(
        two_tissue(parameters, curve, TIMES)[::60], solve(parameters, curve), rtol=2e-5, atol=1e-5
    )


def test_two_tissue_without_binding_is_one_tissue():
    one = one_tissue({"K1": 0.3, "k2": 0.1}, plasma_input(TIMES), TIMES)
    two = two_tissue({"K1": 0.3, "k2": 0.1, "k3": 0.0, "k4": 0.05}, plasma_input(TIMES), TIMES)
    np.testing.assert_allclose(two, one, rtol=1e-10)


def test_srtm_is_two_one_tissue_models_seen_from_the_reference():
    """With C_R = K1' C_p ⊗ e^{-k2' t}, SRTM equals R1 K1' C_p ⊗ e^{-k2 t / (1 + BP)} when k2 = R1 k2'."""
    K1, k2r, R1, BP = 0.33, 0.12, 0.9, 4.0
    plasma = plasma_input(TIMES)
    reference = one_tissue({"K1": K1, "k2": k2r}, plasma, TIMES)
    k2 = R1 * k2r
    target = one_tissue({"K1": R1 * K1, "k2": k2 / (1 + BP)}, plasma, TIMES)
    found = srtm({"R1": R1, "k2": k2, "BP": BP}, reference, TIMES)
    np.testing.assert_allclose(found, target, rtol=2e-3, atol=1e-3 * target.max())


def test_the_reference_region_is_its_own_srtm():
    curve = one_tissue({"K1": 0.3, "k2": 0.1}, plasma_input(TIMES), TIMES)
    np.testing.assert_allclose(srtm({"R1": 1.0, "k2": 0.1, "BP": 0.0}, curve, TIMES), curve, rtol=1e-12)


def test_fengs_curve_rises_after_the_delay_and_falls():
    curve = plasma_input(TIMES)
    assert not curve[TIMES <= 0.4].any()
    assert 0.5 < TIMES[curve.argmax()] < 1.0
    assert curve.min() >= 0
    tail = TIMES > 40
    np.testing.assert_allclose(
        curve[tail],
        (21.88 * np.exp(-0.1191 * (TIMES - 0.4)) + 20.81 * np.exp(-0.01043 * (TIMES - 0.4)))[tail],
        rtol=1e-9,
    )


def test_frame_means_add_up_to_the_integral():
    curve = plasma_input(TIMES)
    edges = np.array([0.0, 1.013, 2.5, 7.77, 60.0])
    means = frame_means(curve, TIMES, edges[:-1], edges[1:])
    assert (means * np.diff(edges)).sum() == pytest.approx(np.trapezoid(curve, TIMES), rel=1e-12)
    np.testing.assert_allclose(
        frame_means(TIMES, TIMES, edges[:-1], edges[1:]), (edges[:-1] + edges[1:]) / 2, rtol=1e-12
    )


def test_frames_outside_the_sampled_time_are_refused():
    with pytest.raises(ValueError, match="inside the sampled time"):
        frame_means(TIMES, TIMES, np.array([50.0]), np.array([61.0]))
