"""What the chapters on parts, clinical exams, calibration and cost record."""

from types import SimpleNamespace

import pytest
import torch

from petrecon.ddip import DDIPSettings
from petrecon.studies import ddip_ablation, ddip_clinical, ddip_cost
from petrecon.studies.ddip_calibration import record_calibration


def test_a_setting_that_was_run_before_is_not_run_again(case, network, schedule, monkeypatch):
    calls = []
    monkeypatch.setattr(ddip_ablation, "by_settings", lambda *args: calls.append(args) or case.truth.expand(2, -1, -1))
    runs = ddip_ablation.Ablation({"fdg": case}, network, schedule, 0)
    runs.images(DDIPSettings(rank=2), "fdg")
    runs.psnr(DDIPSettings(rank=2), "fdg")
    runs.psnr(DDIPSettings(rank=1), "fdg")
    assert [args[1].rank for args in calls] == [2, 1]


def test_the_mr_s_gain_is_recorded_over_both_tracers(recorded):
    tracers = ("fdg", "amyloid-negative")
    scores = {("DDIP", t): [20.0, 21.0] for t in tracers} | {("without MR", t): [19.0, 19.0] for t in tracers}
    table = ddip_ablation.record_variants(scores)
    assert recorded()["mr_gain"]["samples"] == [1.0, 2.0, 1.0, 2.0]
    assert table["FDG: change"].tolist() == ["", "-1.50"]


def test_the_largest_rank_is_compared_with_rank_4_and_the_latest_start_with_200(recorded):
    trained = {"rank 4": 40, "rank 16": 160, "attention only": 999}
    ddip_ablation.record_ranks({"rank 4": [20.0], "rank 16": [21.0], "attention only": [5.0]}, trained)
    ddip_ablation.record_starts({50: [19.0], 200: [20.0], 1000: [18.0]})
    assert recorded()["rank_gain"]["samples"] == [1.0]
    assert recorded()["rank_gain"]["compares"] == ["rank 16", "rank 4"]
    assert recorded()["start_gain"]["samples"] == [-2.0]
    assert recorded()["rank/attention only"]["note"] == "999 trained parameters"


def test_the_gain_of_clinical_exams_leaves_florbetapir_out(recorded):
    def of(*psnr):
        return [{"psnr": value, "ssim": 0.5} for value in psnr]

    scores = {"frozen prior": of(20.0, 20.0, 1.0), "DDIP": of(21.0, 22.0, 30.0)}
    table, gain = ddip_clinical.record_exams(scores, {"frozen prior": 1.0, "DDIP": 2.0})
    assert recorded()["gain_over_frozen"]["samples"] == [1.0, 2.0]
    assert recorded()["florbetapir/psnr/DDIP"]["value"] == 30.0
    assert table["florbetapir PSNR"].tolist() == [1.0, 30.0]
    assert gain.startswith("+1.50")


def _cost(steps, seconds, *psnr):
    return ddip_cost.Cost("DDIP", steps, 1, 1, 1, seconds, 0.1, list(psnr))


def test_time_at_equal_quality_is_interpolated_and_bounded_where_it_is_never_reached(recorded):
    rival = [_cost(10, 2.0, 20.0, 18.0), _cost(20, 4.0, 22.0, 17.0)]
    splitting = _cost(10, 1.5, 21.0, 30.0)
    assert ddip_cost.seconds_to_reach(21.0, rival, 0) == pytest.approx(3.0)
    assert ddip_cost.seconds_to_reach(30.0, rival, 1) is None
    sentence = ddip_cost.record_equal_quality(splitting, rival)
    assert recorded()["hqs_time_ratio"]["samples"] == pytest.approx([0.5, 0.375])
    assert recorded()["hqs_gain_equal_time"]["samples"] == pytest.approx([1.0, 12.0])
    assert "1 of 2 realisations reached it" in sentence


def test_a_cost_is_per_slice(recorded, case):
    result = SimpleNamespace(
        image=case.truth + torch.tensor([0.1, 0.2])[:, None, None],
        seconds={"network": 4.0, "em": 2.0},
        nfe=3, backwards=2, em_iterations=7,
    )  # fmt: skip
    cost = ddip_cost.record_cost("DDIP", 5, result, case)
    assert (cost.seconds, cost.projector_seconds) == (3.0, 1.0)
    assert recorded()["cost/DDIP/5"]["value"] == 3.0
    assert recorded()["quality/DDIP/5"]["samples"] == cost.psnr
    assert ddip_cost.cost_table([cost]).iloc[0]["EM"] == 7


def test_the_gain_far_out_is_over_the_frozen_prior_and_over_bowsher(recorded):
    far = {"FDG": {"MR only": [9.0], "Bowsher": [19.0], "frozen prior": [20.0], "DDIP": [22.0]}}
    gains = ddip_cost.record_far(far)
    assert {rival: gain.value for rival, gain in gains["FDG"].items()} == {"frozen prior": 2.0, "Bowsher": 3.0}
    assert recorded()["far/FDG/MR only"]["value"] == 9.0
    assert recorded()["far_gain/FDG/Bowsher"]["compares"] == ["DDIP", "Bowsher"]


def test_a_sampler_that_draws_the_truth_s_own_distribution_is_recorded_as_calibrated(recorded):
    drawn = torch.randn(20, 50, 4, 4, generator=torch.Generator().manual_seed(0))
    truths, exact = drawn[0], drawn[1:]
    table = record_calibration({"exact": exact, "narrow": 0.5 * exact}, truths).set_index("sampler")
    numbers = recorded()
    assert numbers["coverage/exact/0.5"]["value"] == pytest.approx(0.5, abs=0.05)
    assert numbers["coverage/narrow/0.8"]["value"] < 0.6
    assert numbers["spread/narrow"]["value"] == pytest.approx(0.5, rel=1e-5)
    assert table.loc["exact", "covers, of 50 %"] == 100 * numbers["coverage/exact/0.5"]["value"]
