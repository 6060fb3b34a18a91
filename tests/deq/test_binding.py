"""The reference tissue model returns what the forward model was given."""

import numpy as np
import pytest

from petrecon.deq import fit_srtm
from petrecon.errors import InputError
from petrecon.phantoms import load_protocol
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
