"""Short and long scans: the physics of simulate_exam, correlated noise, and a frame that grows."""

import pytest
import torch

from petrecon.errors import ParameterError
from petrecon.petite.exams import DRIFT, FRAMES, exam_key, frame_activity, member_subject, simulate
from petrecon.petite.population import population
from petrecon.phantoms import simulate_exam
from petrecon.reconstruct import gaussian_filter, osem

MEMBER = population("biograph-mmr", "train", 2)[1]


@pytest.fixture(scope="module")
def made(machine):
    return simulate(MEMBER, machine, 0.3)


def test_counts_and_images_are_those_of_a_simulated_exam(machine, made):
    """Same counts as `simulate_exam` with projectors of its own, hence the same images: short = first frame, long =
    mean of six."""
    subject = member_subject(MEMBER, machine)
    activity = frame_activity(subject, MEMBER.seed)
    exam = simulate_exam(
        subject, activity, "biograph-mmr", 0.3, MEMBER.seed, coarsening="quick", frames=FRAMES, **machine.overrides
    )
    images = osem(exam.counts, exam.model, machine.reconstruction.epochs, 7)
    images = gaussian_filter(images, subject.voxel_size, machine.reconstruction.filter_fwhm_mm)
    torch.testing.assert_close(made["short"], images[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(made["long"], images.mean(0), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(made["truth"], activity.mean(0))
    total = 0.3 * 150e6  # the card's net trues of 30 minutes
    assert float(exam.trues.sum(dtype=torch.float64)) == pytest.approx(total, rel=1e-4)


def test_the_ideal_scan_is_what_the_mean_of_the_frames_would_show_without_noise(machine, made):
    """Frames of one activity: noise-free counts of each frame reconstruct to it, whatever the background."""
    subject = member_subject(MEMBER, machine)
    truth = frame_activity(subject, MEMBER.seed).mean(0)
    exam = simulate_exam(subject, truth, "biograph-mmr", 0.3, frames=FRAMES, **machine.overrides)
    means = (exam.trues + exam.scatter + exam.randoms)[:1]
    model = exam.model.changed(scale=exam.model.scale[:1], background=exam.model.background[:1])
    ideal = machine.reconstruction.reconstruct(means, model)[0]
    assert float((ideal - made["ideal"]).abs().max()) < 0.01 * float(made["ideal"].max())


def test_noise_of_short_and_long_is_correlated(machine):
    """Short is one of the six averaged frames: rho = 1/sqrt(6) = 0.41, and the long scan's SD is 1/sqrt(6) too."""
    products = []
    for k in range(3):
        v = simulate(population("biograph-mmr", "train", 6)[k], machine, 0.002)
        inside = v["brain"]
        products.append([(v[name] - v["ideal"])[inside] for name in ("short", "long")])
    short, long = (torch.cat([p[i] for p in products]) for i in range(2))
    assert 0.3 < float(torch.corrcoef(torch.stack([short, long]))[0, 1]) < 0.6
    assert 0.3 < float(long.std() / short.std()) < 0.55


def test_grey_matter_grows_and_the_rest_does_not(machine):
    subject = member_subject(MEMBER, machine)
    frames = frame_activity(subject, MEMBER.seed)
    ratio = frames[-1] / frames[0]
    grey, white = subject.mask("grey"), subject.mask("white") & (frames[0] > 0)
    torch.testing.assert_close(ratio[grey], torch.full_like(ratio[grey], 1 + 5 * DRIFT))
    torch.testing.assert_close(ratio[white], torch.ones_like(ratio[white]))


def test_an_exam_repeats_and_its_key_holds_what_it_depends_on(machine, made):
    again = simulate(MEMBER, machine, 0.3)
    assert all(torch.equal(again[k], made[k]) for k in made)
    keys = [exam_key(m, machine, dose) for m, dose in ((MEMBER, 0.3), (MEMBER, 0.2))]
    keys.append(exam_key(population("biograph-mmr", "train", 1)[0], machine, 0.3))
    assert keys[0] != keys[1] != keys[2] != keys[0]
    assert exam_key(MEMBER, machine, 0.3) == keys[0]


def test_a_dose_out_of_range_is_refused(machine):
    for dose in (0, -1, 5, True, "1"):
        with pytest.raises(ParameterError, match="dose is"):
            simulate(MEMBER, machine, dose)
