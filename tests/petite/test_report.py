"""A study has one sample per pair of scanners, in one order, so that differences are paired."""

import pytest

from petrecon.errors import InputError
from petrecon.studies.petite_results import KEPT, METRICS, Study, load_studies, row_title, with_row

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


def test_a_row_of_another_run_joins_its_pair():
    more = {f"{m}/{a}/{b}": {"samples": [float(k)]} for k, m in enumerate(METRICS) for a, b in PAIRS}
    more["psnr/b/c"] = {"samples": [40.0, 42.0]}
    study = Study({pair: with_row(numbers(0.0), "kept", 100.0, more, pair) for pair in PAIRS})
    assert study.rows[-1] == "kept"
    assert study.samples("psnr", "kept") == [0, 41]
    assert study.value("per_cent", "kept") == 100


def test_full_is_the_better_way_of_full_fine_tuning():
    runs = {"psnr/full-ft": {"samples": [1.0]}, "per_cent/full-ft": {"value": 100}}
    more = {"psnr/full-kept": {"samples": [2.0]}, "per_cent/full-kept": {"value": 100}}
    assert Study({PAIRS[0]: runs}).full == "full-ft"
    assert Study({PAIRS[0]: runs | more}).full == KEPT
    assert Study({PAIRS[0]: runs | more | {"psnr/full-ft": {"samples": [3.0]}}}).full == "full-ft"


def test_every_row_has_a_name():
    assert row_title("unetr", KEPT) == "Full-FT, statistics kept"
    assert row_title("unetr", "lora+bitfit") == "LoRA + BitFit"
    assert row_title("cvt-gan", "vpt->vpt") == "VPT → VPT"


def test_studies_ask_for_every_pair_and_only_batch_norm_has_the_kept_row():
    asked = []

    def load(notebook, **words):
        asked.append((notebook, words))
        if notebook == "18_petite_batches":
            return {f"{m}/{a}/{b}": {"samples": [40.0]} for m in METRICS for a, b in PAIRS}
        return numbers(0.0 if words["source"] == "a" else 10.0)

    studies = load_studies(load, PAIRS, dose=0.05)
    assert all(words["dose"] == 0.05 for _, words in asked)
    compared = [(w["network"], w["source"], w["target"]) for n, w in asked if n == "13_petite_compare"]
    assert sorted(compared) == sorted((n, *pair) for n in ("cvt-gan", "unetr") for pair in PAIRS)
    assert KEPT in studies["cvt-gan"].rows
    assert KEPT not in studies["unetr"].rows
    assert studies["unetr"].samples("psnr", "no-ft") == [21, 31]
