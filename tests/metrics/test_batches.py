"""A metric of a batch is the metric of each image: nothing leaks from one into another."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from petrecon.metrics import background_sd, bias_and_sd, crc, interval, nrmse, psnr, roi_means

DRAW = np.random.default_rng(0)
LABELS = DRAW.integers(0, 4, (6, 7))
REFERENCE = 1.0 + LABELS + DRAW.random((6, 7))
LEVELS = np.array([[0.5, 3.0, 40.0], [1.0, 200.0, 0.1]])[..., None, None]  # images of very different activity
IMAGES = LEVELS * (REFERENCE + DRAW.normal(0, 0.4, (2, 3, 6, 7)))

METRICS = {
    "crc": lambda x: crc(x, REFERENCE, LABELS == 3, LABELS == 1),
    "background_sd": lambda x: background_sd(x, LABELS == 1),
    "roi_means": lambda x: np.stack([v for _, v in sorted(roi_means(x, LABELS).items())], -1),
}


@pytest.mark.parametrize("name", METRICS)
def test_batch_equals_loop(name):
    metric = METRICS[name]
    whole = metric(IMAGES)
    for i in np.ndindex(2, 3):
        np.testing.assert_allclose(whole[i], metric(IMAGES[i]), rtol=1e-12)
    np.testing.assert_allclose(metric(torch.from_numpy(IMAGES[0])), whole[0], rtol=1e-12)


def test_ratios_do_not_depend_on_the_unit_and_means_follow_it():
    for name in ("crc", "background_sd"):
        np.testing.assert_allclose(METRICS[name](1000 * IMAGES), METRICS[name](IMAGES), rtol=1e-9)
    np.testing.assert_allclose(METRICS["roi_means"](1000 * IMAGES), 1000 * METRICS["roi_means"](IMAGES), rtol=1e-12)


def test_bias_and_sd_are_voxel_by_voxel():
    realisations = IMAGES[0, :1] + DRAW.normal(0, 1, (5, 6, 7))
    bias, sd = bias_and_sd(realisations, REFERENCE)
    for i in np.ndindex(6, 7):
        one_bias, one_sd = bias_and_sd(realisations[(slice(None), *i)], REFERENCE[i])
        assert bias[i] == pytest.approx(one_bias.item(), rel=1e-12, abs=1e-12)
        assert sd[i] == pytest.approx(one_sd.item(), rel=1e-12)


def test_the_background_label_is_no_region_unless_asked_for():
    means = roi_means(REFERENCE, LABELS)
    assert set(means) == {1, 2, 3}
    assert roi_means(REFERENCE, LABELS, [0])[0] == pytest.approx(REFERENCE[LABELS == 0].mean())


def test_the_range_of_a_reference_runs_from_its_minimum_also_below_zero():
    """Adding a constant to both images changes no error and no range (FBP has negative voxels)."""
    image = IMAGES[0, 0] / LEVELS[0, 0]
    for shift in (-3.0, -100.0):
        assert psnr(image + shift, REFERENCE + shift) == pytest.approx(psnr(image, REFERENCE), rel=1e-9)
        assert nrmse(image + shift, REFERENCE + shift) == pytest.approx(nrmse(image, REFERENCE), rel=1e-9)


@pytest.mark.parametrize(("level", "deviations"), [(0.5, 0.674), (0.9, 1.645), (0.95, 1.96), (0.99, 2.576)])
def test_an_interval_is_as_wide_as_its_level_says(level, deviations):
    """Of the mean of many normal samples: ± that many standard errors."""
    samples = np.random.default_rng(1).normal(5, 2, 400)
    found = interval(samples, level=level, units="draws")
    error = samples.std(ddof=1) / 20
    assert found.high - found.low == pytest.approx(2 * deviations * error, rel=0.08)
    assert (found.high + found.low) / 2 == pytest.approx(samples.mean(), abs=0.2 * error)
