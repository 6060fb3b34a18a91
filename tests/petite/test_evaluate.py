"""Scores follow the published convention, and the bounds bound."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from petrecon.errors import InputError
from petrecon.petite.evaluate import mean_scores, score_bounds, score_volumes
from petrecon.petite.scaling import scaled


def test_scores_are_those_of_the_paper(drawn):
    """On scaled volumes: PSNR = 10 log10(1/MSE), NRMSE = 10^(-PSNR/20), SSIM with a uniform window of 7 voxels."""
    short, long = scaled(drawn)
    rows = score_volumes(short, drawn)
    for i, row in enumerate(rows):
        x, y = short[i].double().numpy(), long[i].double().numpy()
        assert row["psnr"] == pytest.approx(-10 * np.log10(((x - y) ** 2).mean()))
        assert row["nrmse"] == pytest.approx(10 ** (-row["psnr"] / 20))
        assert row["ssim"] == pytest.approx(structural_similarity(x, y, data_range=1.0, win_size=7))
        inside = drawn.brain[i].numpy()
        assert row["psnr_brain"] == pytest.approx(-10 * np.log10(((x - y)[inside] ** 2).mean()))
        assert (row["scanner"], row["number"]) == ("gemini", i)
    mean = mean_scores(rows)
    assert mean["psnr"] == pytest.approx(np.mean([r["psnr"] for r in rows]))
    assert set(mean) == {"psnr", "ssim", "nrmse", "psnr_brain", "psnr_ideal"}


def test_a_shared_scale_has_the_same_scores_for_every_unit(drawn):
    """Under "shared" the range is the target's: volumes in Bq/mL score as in kBq/mL."""
    other = replace(drawn, short=1000 * drawn.short, long=1000 * drawn.long, ideal=1000 * drawn.ideal)
    one, two = (mean_scores(score_volumes(scaled(p, "shared")[0], p, "shared")) for p in (drawn, other))
    assert one == pytest.approx(two, rel=1e-4)
    raw = mean_scores(score_volumes(scaled(drawn)[0], drawn))
    assert abs(raw["psnr"] - one["psnr"]) > 0.01  # a gain error counts now


def test_the_score_against_the_ideal_ignores_gain_and_offset(drawn):
    one, two = (score_volumes(v, drawn)[0]["psnr_ideal"] for v in (drawn.short, 3 * drawn.short + 1))
    assert one == pytest.approx(two, rel=1e-5)
    inside = drawn.brain[0]
    x, y = drawn.short[0][inside].double().numpy(), drawn.ideal[0][inside].double().numpy()
    gain, offset = np.polyfit(x, y, 1)
    error = np.sqrt(np.mean((gain * x + offset - y) ** 2))
    assert one == pytest.approx(20 * np.log10((y.max() - y.min()) / error), rel=1e-4)


@pytest.mark.parametrize("scaling", ["each", "shared"])
def test_the_ceiling_lies_above_the_raw_scan_and_is_noise_of_the_target(drawn, scaling):
    made = score_bounds(drawn, scaling)
    short, ceiling = (mean_scores(made[k]) for k in ("short", "ceiling"))
    assert ceiling["psnr"] > short["psnr"] + 3
    assert ceiling["psnr_ideal"] > 100
    span = drawn.long[0].max() - drawn.long[0].min()
    error = (((drawn.ideal - drawn.long)[0] / span) ** 2).mean()
    assert made["ceiling"][0]["psnr"] == pytest.approx(float(-10 * torch.log10(error)), rel=1e-4)


def test_predictions_of_other_subjects_are_refused(drawn):
    with pytest.raises(InputError, match="differ in shape"):
        score_volumes(drawn.short[:2], drawn)
