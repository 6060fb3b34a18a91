import math
from functools import partial

import numpy as np
import pytest
import torch

from petrecon.errors import InputError
from petrecon.metrics import (
    background_sd,
    bias_and_sd,
    crc,
    ddip_scores,
    nrmse,
    petite_scores,
    psnr,
    rmse,
    roi_means,
    ssim,
)


@pytest.fixture
def pair():
    draw = np.random.default_rng(0)
    reference = draw.random((16, 16)) * 8 + 2
    return reference + draw.normal(0, 0.5, (16, 16)), reference


def test_rmse_of_a_constant_offset_is_the_offset():
    assert rmse(torch.full((3, 3), 2.5), torch.full((3, 3), 2.0)) == pytest.approx(0.5)


def test_psnr_is_minus_20_log10_nrmse_for_every_normaliser(pair):
    for normaliser in ("range", "max", 3.0):
        assert psnr(*pair, normaliser) == pytest.approx(-20 * math.log10(nrmse(*pair, normaliser)), abs=1e-12)


def test_psnr_of_a_worked_case():
    """Error 1 everywhere on a range of 10: 20 dB; identical images: infinite."""
    reference = np.array([[0.0, 10.0]])
    assert psnr(reference + 1, reference) == pytest.approx(20.0)
    assert psnr(reference, reference) == math.inf


def test_petite_nrmse_and_psnr_are_one_number(pair):
    scores = petite_scores(*pair)
    assert scores["nrmse"] == pytest.approx(10 ** (-scores["psnr"] / 20), rel=1e-12)


def test_petite_scaling_forgives_a_gain_and_the_shared_scale_does_not(pair):
    _, reference = pair
    assert petite_scores(2 * reference, reference)["psnr"] > 200
    assert petite_scores(2 * reference, reference, scale_each=False)["psnr"] < 10


def test_ssim_is_one_only_for_identity_and_falls_with_noise(pair):
    image, reference = pair
    assert ssim(reference, reference) == pytest.approx(1.0)
    assert ssim(reference + 2 * (image - reference), reference) < ssim(image, reference) < 1


def test_uniform_ssim_equals_its_definition_on_one_window():
    """One 7x7 window: (2 mx my + C1)(2 sxy + C2) / ((mx² + my² + C1)(sx² + sy² + C2))."""
    draw = np.random.default_rng(1)
    x, r = draw.random((7, 7)), draw.random((7, 7))
    c1, c2 = 0.01**2, 0.03**2
    cov = np.cov(x.ravel(), r.ravel())
    top = (2 * x.mean() * r.mean() + c1) * (2 * cov[0, 1] + c2)
    bottom = (x.mean() ** 2 + r.mean() ** 2 + c1) * (cov[0, 0] + cov[1, 1] + c2)
    assert ssim(x, r, 1.0, window="uniform") == pytest.approx(top / bottom, rel=1e-9)


def test_ddip_range_is_that_of_the_reference(pair):
    image, reference = pair
    assert ddip_scores(image, reference)["psnr"] == pytest.approx(psnr(image, reference, float(np.ptp(reference))))


def test_roi_means_are_means_over_labels_for_every_image_of_a_batch():
    labels = np.array([[1, 1], [2, 0]])
    batch = torch.tensor([[[1.0, 3.0], [5.0, 9.0]], [[2.0, 2.0], [8.0, 9.0]]])
    means = roi_means(batch, labels)
    assert means[1].tolist() == [2.0, 2.0]
    assert means[2].tolist() == [5.0, 8.0]


def test_crc_is_one_for_the_truth_and_half_for_half_the_contrast():
    reference = np.array([4.0, 4.0, 1.0, 1.0])
    roi, background = np.array([1, 1, 0, 0]), np.array([0, 0, 1, 1])
    assert crc(reference, reference, roi, background) == pytest.approx(1.0)
    assert crc(np.array([2.5, 2.5, 1.0, 1.0]), reference, roi, background) == pytest.approx(0.5)


def test_background_sd_is_relative_to_its_mean():
    assert background_sd(np.array([9.0, 11.0, 50.0]), np.array([1, 1, 0])) == pytest.approx(np.sqrt(2) / 10)


def test_bias_and_sd_of_a_known_sample():
    images = np.array([[[1.0]], [[3.0]]])
    bias, sd = bias_and_sd(images, np.array([[1.5]]))
    assert bias.item() == pytest.approx(0.5)
    assert sd.item() == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: rmse(np.ones((2, 2)), np.ones((3, 3))), "shape"),
        (lambda: rmse(np.array([np.nan]), np.ones(1)), "NaN"),
        (lambda: psnr(np.ones((2, 2)), np.ones((2, 2))), "range"),
        (lambda: nrmse(np.ones(2), np.arange(2.0), "peak"), "normaliser"),
        (lambda: ssim(np.ones((5, 5)), np.eye(5)), "window"),
        (lambda: roi_means(np.ones((2, 2)), np.ones((2, 2)), [3]), "no voxel"),
        (lambda: roi_means(np.ones((2, 3)), np.ones((2, 2))), "label map"),
        (lambda: crc(np.ones(2), np.ones(2), np.array([1, 0]), np.array([0, 1])), "contrast"),
        (lambda: background_sd(np.ones(2), np.zeros(2)), "empty"),
        (lambda: bias_and_sd(np.ones((1, 2)), np.ones(2)), "two"),
        (lambda: petite_scores(np.ones((8, 8)), np.eye(8)), "constant"),
    ],
)
def test_what_a_metric_cannot_mean_is_refused(call, word):
    with pytest.raises(InputError, match=word):
        call()


BAD_MASKS = [
    (np.zeros((16, 16), bool), "is empty"),
    (np.ones((16, 15), bool), "has shape"),
    (np.full((16, 16), 0.5), "other values than 0 and 1"),
]


@pytest.mark.parametrize(("mask", "says"), BAD_MASKS)
def test_a_mask_that_is_none_is_refused_by_every_metric(pair, mask, says):
    """An empty one used to give nan."""
    whole = np.ones((16, 16), bool)
    calls = [partial(f, *pair, mask=mask) for f in (rmse, nrmse, psnr)]
    calls += [lambda: crc(*pair, mask, whole), lambda: crc(*pair, whole, mask), lambda: background_sd(pair[0], mask)]
    for call in calls:
        with pytest.raises(InputError, match=says):
            call()


def test_a_mask_of_ones_is_no_mask(pair):
    assert psnr(*pair, mask=np.ones((16, 16))) == psnr(*pair)


def test_an_activity_image_is_no_label_map(pair):
    """It used to be cut to whole numbers and give a plausible table."""
    with pytest.raises(InputError, match="looks like an activity image"):
        roi_means(*pair)
    with pytest.raises(InputError, match="looks like an activity image"):
        roi_means(np.zeros((40, 40)), np.arange(1600.0).reshape(40, 40))


def test_metrics_without_a_meaning_are_refused(pair):
    image, reference = pair
    masks = np.eye(16, dtype=bool), ~np.eye(16, dtype=bool)
    for call, says in [
        (lambda: crc(image * 0, reference, *masks), "no activity in the background"),
        (lambda: background_sd(image, np.arange(256).reshape(16, 16) == 7), "at least two voxels"),
        (lambda: petite_scores(image, reference * 0, scale_each=False), "constant reference"),
        (lambda: psnr(image, reference, math.inf), "no positive range"),
        (lambda: psnr(image * 1j, reference), "complex"),
        (lambda: psnr(image[:0], reference[:0], 1.0), "are empty"),
    ]:
        with pytest.raises(InputError, match=says):
            call()
