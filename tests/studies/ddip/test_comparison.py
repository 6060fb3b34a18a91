"""What a run of the comparison records is what the results read."""

import numpy as np
import pytest
import torch

from petrecon.studies import ddip_comparison as comparison
from petrecon.studies.ddip_methods import COMPARED

SECONDS = {method: 1.0 + k for k, method in enumerate(COMPARED)}


def _scores():
    """The later a method stands in the tables the better it is; DIP alone is better than all."""
    psnr = {method: 20.0 + (9 if method == "DIP" else k) for k, method in enumerate(COMPARED)}
    return {m: [{"psnr": value - 0.5, "ssim": 0.6}, {"psnr": value + 0.5, "ssim": 0.8}] for m, value in psnr.items()}


@pytest.fixture
def results(recorded, case):
    comparison.record_scores(_scores(), SECONDS)
    bias = {method: {"grey": np.array([-4.0, -2.0]), "white": np.array([1.0, 1.0])} for method in COMPARED}
    comparison.record_regions(bias, SECONDS)
    return comparison.read_comparison("biograph-mmr", 0.05, "quick")


def test_samples_are_read_head_after_head(results):
    assert results.samples("psnr", "DDIP", "fdg").tolist() == [25.5, 26.5] * 2
    assert results.mean("ssim", "DDIP", "fdg") == pytest.approx(0.7)
    assert results.units == {"donors": [h for h in comparison.HEADS for _ in range(2)], "noise draws": [0, 1, 0, 1]}
    assert [len(labels) for labels in results.units_of_both.values()] == [8, 8, 8]


def test_the_best_rival_has_no_diffusion_prior_and_the_highest_mean(results):
    assert results.best_rival("psnr", "fdg") == "DIP"
    assert results.gain_over_best_rival("psnr").tolist() == [-3.0] * 8


def test_a_gain_is_recorded_as_a_paired_difference(results, recorded):
    sentence = comparison.record_gain(results, "gain", "DDIP", "frozen prior", "fdg")
    assert sentence == "FDG: DDIP minus frozen prior **+1.00 dB (range 1.00 to 1.00 of 2 donors × 2 noise draws)**."
    assert recorded()["gain"]["compares"] == ["DDIP", "frozen prior"]


def test_seconds_noise_and_bias_are_averaged_over_heads(results):
    assert results.seconds("DDIP") == 7.0
    assert results.noise("DDIP", "fdg") == 7.0
    assert results.regional_bias("DDIP", "fdg") == pytest.approx(2.0)  # grey 3, white 1
    table = results.table()
    assert table["method"].tolist() == list(COMPARED)
    assert "20.00" in table["FDG PSNR"][0]


def test_bias_and_noise_are_those_of_the_images(case):
    """Twice the truth is biased by 100 % everywhere; ± 1 kBq/mL over two realisations has an SD of √2 kBq/mL."""
    twice = 2 * case.truth.expand(2, -1, -1)
    bias = comparison.regional_bias(twice, case)
    assert {"grey", "white"} <= set(bias)
    assert np.concatenate([*bias.values()]) == pytest.approx(100.0)
    apart = case.truth + torch.tensor([1.0, -1.0])[:, None, None]
    brain = case.subject.mask("grey") | case.subject.mask("white")
    expected = 100 * 2**0.5 / float(case.truth[brain].mean())
    assert comparison.noise_in_brain(apart, case) == pytest.approx(expected, rel=1e-4)
