"""What comparison runs record is what chapters read: both sides of every key, by way of one table of numbers."""

import numpy as np
import pytest

from petrecon.studies import petite_comparison
from petrecon.studies.petite_comparison import (
    METRICS,
    OF_BATCHES,
    Outcome,
    load_slices,
    load_studies,
    record_gains,
    record_row,
    record_slices,
    record_statistics_kept,
)
from petrecon.studies.petite_recipes import STATISTICS_KEPT

PAIRS = ("a", "b"), ("b", "c")


def outcome(value, volumes=(20.0, 22.0, 24.0)):
    means = {metric: value + k for k, metric in enumerate(METRICS)}
    return Outcome(means, list(volumes), per_cent=0.5, trained=7, peak_bytes=100)


@pytest.fixture
def runs(monkeypatch):
    """Numbers and arrays by run; `at` names the run that records."""
    kept = {"numbers": {}, "arrays": {}, "at": None}

    def name(notebook, parameters):
        return (notebook, *(parameters.get(k) for k in ("network", "source", "target")))

    def record(key, value=None, *, samples=None, **words):
        values = None if samples is None else [float(v) for v in samples]
        kept["numbers"].setdefault(kept["at"], {})[key] = {"value": value, "samples": values, **words}

    def save_array(key, array):
        kept["arrays"][kept["at"], key] = array

    monkeypatch.setattr(petite_comparison, "record", record)
    monkeypatch.setattr(petite_comparison, "save_array", save_array)
    monkeypatch.setattr(petite_comparison, "load_numbers", lambda n, **p: kept["numbers"][name(n, p)])
    monkeypatch.setattr(petite_comparison, "load_array", lambda k, n, **p: kept["arrays"][name(n, p), k])
    return kept


def test_a_study_reads_what_the_runs_of_its_pairs_recorded(runs, drawn):
    for network in ("cvt-gan", "unetr"):
        for shift, pair in enumerate(PAIRS):
            runs["at"] = ("13_petite_compare", network, *pair)
            for row, gain in (("no-ft", 0.0), ("full-ft", 1.0)):
                folds = [outcome(20 + gain + shift), outcome(22 + gain + shift)]
                means = record_row(row, folds, [0.3, 0.2], drawn)
                assert means["psnr"] == 21 + gain + shift
    runs["at"] = ("18_petite_batches", None, None, None)
    for pair in PAIRS:
        record_statistics_kept(pair, [outcome(30.0), outcome(40.0)])
    studies = load_studies(PAIRS)
    assert studies["unetr"].rows == ["no-ft", "full-ft"]
    assert studies["unetr"].samples("psnr", "full-ft") == [22, 23]
    assert studies["unetr"].samples("seconds", "no-ft") == [0.2, 0.2]
    assert studies["unetr"].value("trained", "no-ft") == 7
    assert studies["cvt-gan"].rows == ["no-ft", "full-ft", STATISTICS_KEPT]
    assert studies["cvt-gan"].samples("psnr", STATISTICS_KEPT) == [35, 35]
    assert studies["cvt-gan"].gain(STATISTICS_KEPT, "full-ft") == [13, 12]
    assert studies["cvt-gan"].value("per_cent", STATISTICS_KEPT) == 100
    assert set(OF_BATCHES) < set(METRICS)


def test_volumes_are_recorded_fold_by_fold_with_the_head_of_each(runs, drawn):
    record_row("lora", [outcome(20.0), outcome(21.0, (1.0, 2.0, 3.0))], [1.0], drawn)
    entry = runs["numbers"][None]["volumes/lora"]
    assert entry["samples"] == [20, 22, 24, 1, 2, 3]
    assert entry["units"]["folds"] == [0, 0, 0, 1, 1, 1]
    assert entry["units"]["heads"] == [str(member.number) for member in drawn.members] * 2


def test_gains_are_paired_by_fold(runs):
    rows = {"no-ft": [outcome(20.0), outcome(22.0)], "petite": [outcome(20.5), outcome(23.0)]}
    record_gains(rows, ["petite"])
    entry = runs["numbers"][None]["gain/petite"]
    assert entry["samples"] == [0.5, 1.0]
    assert entry["compares"] == ("petite", "no-ft")


def test_slices_are_read_with_the_side_of_their_voxels(runs):
    runs["at"] = ("13_petite_compare", "unetr", "a", "b")
    record_slices({"short": np.ones((2, 3)), "PETITE": np.zeros((2, 3))}, 4.1)
    slices, voxel_mm = load_slices(["PETITE", "short"], "unetr", ("a", "b"))
    assert list(slices) == ["PETITE", "short"]
    assert slices["short"].sum() == 6
    assert voxel_mm == 4.1
