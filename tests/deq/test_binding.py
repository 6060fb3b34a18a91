"""The reference tissue model returns what the forward model was given."""

import numpy as np
import pytest

from petrecon.deq import fit_srtm
from petrecon.errors import InputError
from petrecon.phantoms import Frames, load_protocol
from petrecon.phantoms.kinetics import frame_means, one_tissue, plasma_input, srtm

FRAMES = load_protocol("pe2i").frames
TIMES = np.linspace(0.0, 60.0, 3601)
REFERENCE = one_tissue({"K1": 0.35, "k2": 0.12}, plasma_input(TIMES), TIMES)
TRUTH = [(1.0, 4.0), (0.9, 1.2), (1.1, 0.3), (0.95, 0.05)]


def means(curve):
    return frame_means(curve, TIMES, FRAMES.starts_s / 60, FRAMES.ends_s / 60)


TARGETS = np.stack([means(srtm({"R1": r, "k2": 0.12 * r, "BP": bp}, REFERENCE, TIMES)) for r, bp in TRUTH])


def test_parameters_are_recovered_from_a_finely_sampled_reference():
    found = fit_srtm(TARGETS, REFERENCE, FRAMES)
    for i, (r1, bp) in enumerate(TRUTH):
        assert found.R1[i] == pytest.approx(r1, rel=0.01)
        assert found.k2[i] == pytest.approx(0.12 * r1, rel=0.02)
        assert found.BP[i] == pytest.approx(bp, rel=0.02, abs=0.02)
    np.testing.assert_allclose(found.fitted, TARGETS, rtol=1e-3, atol=1e-3 * TARGETS.max())


def test_frame_means_of_the_reference_are_enough_for_binding():
    """Interpolating the reference between the frames biases BP by a few per cent only."""
    found = fit_srtm(TARGETS, means(REFERENCE), FRAMES)
    for i, (_, bp) in enumerate(TRUTH):
        assert found.BP[i] == pytest.approx(bp, rel=0.05, abs=0.05)


def test_scaling_both_curves_changes_nothing_and_batches_are_loops():
    whole = fit_srtm(TARGETS, means(REFERENCE), FRAMES)
    scaled = fit_srtm(7 * TARGETS, 7 * means(REFERENCE), FRAMES)
    np.testing.assert_allclose(scaled.BP, whole.BP, rtol=1e-9)
    for i, target in enumerate(TARGETS):
        own = fit_srtm(target, means(REFERENCE), FRAMES)
        np.testing.assert_allclose(own.BP, whole.BP[i], rtol=1e-12)


def test_unusable_curves_are_refused():
    with pytest.raises(InputError, match="each of the 20 frames"):
        fit_srtm(TARGETS[:, :-1], REFERENCE, FRAMES)
    with pytest.raises(InputError, match="not zero"):
        fit_srtm(TARGETS, np.zeros(20), FRAMES)
    with pytest.raises(InputError, match="19 values for 20 frames"):
        fit_srtm(TARGETS, means(REFERENCE)[:-1], FRAMES)


UNEVEN = Frames((10.0,) * 12 + (60.0,) * 8 + (300.0,) * 10)


def noisy(count, seed=0):
    """Return a target's curve in frames of very uneven lengths, and draws whose variance falls with the length."""
    edges = (UNEVEN.starts_s / 60, UNEVEN.ends_s / 60)
    clean = frame_means(srtm({"R1": 1.0, "k2": 0.12, "BP": 1.2}, REFERENCE, TIMES), TIMES, *edges)
    sd = 1.5 / np.sqrt(np.asarray(UNEVEN.durations_s) / 60)
    return clean, clean + sd * np.random.default_rng(seed).standard_normal((count, len(UNEVEN)))


def test_by_default_long_frames_count_more_so_that_noise_does_the_least_harm():
    """Counting noise falls with a frame's length: the default spreads less than equal weights, and than others."""
    _, curves = noisy(300)
    lengths = np.asarray(UNEVEN.durations_s)

    def spread(weights):
        found = fit_srtm(curves, REFERENCE, UNEVEN, weights=weights)
        return {name: np.subtract(*np.quantile(getattr(found, name), [0.9, 0.1])) for name in ("R1", "k2", "BP")}

    ours, equal = spread(None), spread(np.ones(len(UNEVEN)))
    assert all(ours[name] < 0.8 * equal[name] for name in ours)
    for other in (1 / lengths, lengths**3):
        worse = spread(other)
        assert all(ours[name] < 0.9 * worse[name] for name in ("R1", "k2"))


def test_a_frame_of_no_weight_may_hold_anything_and_the_unit_of_weights_does_not_matter():
    clean, _ = noisy(1)
    spoilt, weights = clean.copy(), np.asarray(UNEVEN.durations_s)
    spoilt[3] += 1e3 * clean.max()
    masked = np.where(np.arange(len(UNEVEN)) == 3, 0.0, weights)
    found, ignored, scaled = (
        fit_srtm(y, REFERENCE, UNEVEN, weights=w) for y, w in ((clean, masked), (spoilt, masked), (clean, 60 * masked))
    )
    np.testing.assert_allclose(ignored.BP, found.BP, rtol=1e-9)
    np.testing.assert_allclose(scaled.BP, found.BP, rtol=1e-9)
    assert abs(float(fit_srtm(spoilt, REFERENCE, UNEVEN).BP) - float(found.BP)) > 0.1
