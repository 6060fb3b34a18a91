"""A study has one sample per pair of scanners, in one order, so that differences are paired."""

import pytest

from petrecon.errors import InputError
from petrecon.studies.petite_recipes import STATISTICS_KEPT
from petrecon.studies.petite_results import Study

PAIRS = ("a", "b"), ("b", "c")


def numbers(shift):
    return {
        "psnr/no-ft": {"samples": [20.0 + shift, 22.0 + shift]},
        "psnr/lora": {"samples": [21.0 + shift, 22.5 + 3 * shift]},
        "psnr/vpt": {"samples": [20.1 + shift, 22.1 + shift]},
        "seconds/lora": {"samples": [1.0 + shift]},
        "seconds/full-ft": {"samples": [2.0]},
        **{f"per_cent/{row}": {"value": v} for row, v in (("no-ft", 0), ("lora", 0.4), ("vpt", 0.1))},
    }


@pytest.fixture
def study():
    return Study({PAIRS[0]: numbers(0.0), PAIRS[1]: numbers(10.0)})


def test_one_sample_is_the_mean_over_the_folds_of_a_pair(study):
    assert study.folds("psnr", "no-ft", PAIRS[1]) == [30, 32]
    assert study.samples("psnr", "no-ft") == [21, 31]
    assert study.mean("psnr", "no-ft") == 26
    assert study.rows == ["no-ft", "lora", "vpt"]
    assert study.value("per_cent", "lora") == 0.4


def test_differences_and_ratios_are_paired(study):
    assert study.gain("lora", "no-ft") == pytest.approx([0.75, 10.75])
    assert study.ratio("seconds", "lora") == [0.5, 5.5]


def test_best_and_worst_are_by_mean(study):
    assert study.best(["lora", "vpt"]) == "lora"
    assert study.worst_gain(["lora", "vpt"]) == "vpt"


def test_a_row_that_was_not_run_is_named(study):
    with pytest.raises(InputError, match=r"'psnr/loro'.*psnr/lora"):
        study.samples("psnr", "loro")


def test_full_is_the_better_way_of_full_fine_tuning():
    runs = {"psnr/full-ft": {"samples": [1.0]}, "per_cent/full-ft": {"value": 100}}
    more = {"psnr/full-kept": {"samples": [2.0]}, "per_cent/full-kept": {"value": 100}}
    assert Study({PAIRS[0]: runs}).full == "full-ft"
    assert Study({PAIRS[0]: runs | more}).full == STATISTICS_KEPT
    assert Study({PAIRS[0]: runs | more | {"psnr/full-ft": {"samples": [3.0]}}}).full == "full-ft"
