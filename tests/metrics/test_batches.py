"""A metric of a batch is the metric of each image: nothing leaks from one into another."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from petrecon.metrics import background_sd, bias_and_sd, crc, roi_means

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
