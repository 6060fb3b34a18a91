"""Numbers and arrays are written as they come, checked, and paired with intervals."""

from __future__ import annotations

import json

import numpy as np
import pytest

from petrecon.compendium import load_array, load_numbers
from petrecon.compendium.notebook.record import record, record_backend, save_array, track_input, write_kernel_facts
from petrecon.compendium.runs.reading import as_interval
from petrecon.compendium.runs.run import plan
from petrecon.errors import InputError, MissingError
from petrecon.metrics import Interval, interval
from petrecon.provenance.files import data_hash


@pytest.fixture
def stem(project, tmp_path, monkeypatch):
    folder = tmp_path / "out" / "quick"
    folder.mkdir(parents=True)
    monkeypatch.setenv("PETRECON_RUN", str(folder / "01_toy__hrrt__dose0.25"))
    return folder / "01_toy__hrrt__dose0.25"


def _read(stem, ending):
    return json.loads(stem.with_name(stem.name + ending).read_text(encoding="utf-8"))


def test_numbers_are_kept_with_unit_interval_and_samples(stem):
    record("a", np.float32(2.0), unit="dB", kind="exact", note="n")
    samples = [1.0, 2.0, 3.0, 4.0, 5.0]
    record("b", samples=samples, units="patients", compares=("new", "old"))
    record("c", 9.0, samples=samples, units="patients")
    record("d", 1.0)
    found = _read(stem, ".numbers.json")
    assert found["a"] == {"value": 2.0, "unit": "dB", "kind": "exact", "note": "n"}
    made = interval(samples, units="patients")
    assert found["b"]["interval"] == [made.low, made.high]
    assert (found["b"]["kind"], found["b"]["units"]) == ("bootstrap", {"patients": 5})
    assert found["b"]["compares"] == ["new", "old"]
    assert not {"interval", "kind"} & found["c"].keys(), "samples that a value is not the mean of say nothing of it"
    assert found["d"] == {"value": 1.0}


def test_the_page_prints_what_the_ledger_holds(stem):
    """What `record` returns, what it wrote, and what another notebook reads back are one interval."""
    units = {"donors": ["a", "a", "b", "b"], "noise draws": [0, 1, 0, 1]}
    for key, given in {
        "nested": {"samples": [1.0, 2.0, 3.0, 5.0], "units": units},
        "flat": {"samples": [1.0, 2.0, 3.0, 5.0, 4.0, 4.5], "units": "patients"},
        "given": {"interval": Interval(0.2, 0.1, 0.4, "jackknife", {"doses": 6})},
        "single": {"samples": [1.0], "units": "patients"},
        "count": {"value": 3, "kind": "exact"},
    }.items():
        shown = record(key, **given)
        written = as_interval(_read(stem, ".numbers.json")[key])
        assert str(written) == str(shown)
        assert (written.kind, dict(written.units)) == (shown.kind, dict(shown.units))


def test_a_cell_that_ends_with_record_shows_nothing(stem):
    from IPython.core.formatters import DisplayFormatter

    found = record("psnr", samples=[1.0, 2.0, 4.0], units="patients")
    assert DisplayFormatter().format(found) == ({}, {})
    assert DisplayFormatter().format(interval([1.0, 2.0, 4.0], units="patients"))[0]  # what a reader asks for is shown


def test_nested_samples_are_written_outermost_first(stem):
    units = {"patients": ["a", "b", "a", "b"], "doses": [0, 0, 1, 1]}
    record("a", samples=[1.0, 10.0, 2.0, 20.0], units=units)
    entry = _read(stem, ".numbers.json")["a"]
    assert entry["samples"] == [1.0, 2.0, 10.0, 20.0]
    assert (entry["kind"], entry["interval"]) == ("range", [1.5, 15.0])
    assert list(entry["units"].items()) == [("patients", 2), ("doses", 2)], "not alphabetical: outermost first"


def test_one_sample_is_marked_not_refused(stem):
    """A quick profile has one realisation: the number is kept, and the ledger says that it decides nothing."""
    record("a", samples=[1.0], units="patients")
    assert _read(stem, ".numbers.json")["a"] == {"value": 1.0, "samples": [1.0], "units": {"patients": 1}}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"value": float("nan")}, "the value is nan"),
        ({"value": np.inf}, "the value is inf"),
        ({}, "give a value or samples"),
        ({"value": [1, 2]}, "takes a number, got list"),
        ({"value": 1.0, "interval": (0, 2)}, "two bare ends do not say what they are over"),
        ({"interval": Interval(1, 0, 2, "range", {"heads": 2}), "value": 3.0}, "brings its own kind and value"),
        ({"value": 1.0, "samples": [1.0, np.nan], "units": "patients"}, "the value is nan"),
        ({"samples": [1.0, 2.0]}, "samples need units"),
        ({"samples": [1.0, 2.0], "units": {"donors": ["a"]}}, "one label for each of the 2 samples"),
        ({"value": 1.0, "kind": "bootstrap"}, "kind can only be 'exact'"),
        ({"value": 1.0, "compares": "DDIP"}, "compares is a pair of names"),
    ],
)
def test_a_number_that_is_none_is_refused_and_not_written(stem, given, message):
    with pytest.raises(InputError) as caught:
        record("a", **given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not stem.with_name(stem.name + ".numbers.json").exists()


def test_arrays_come_back_with_what_was_said_of_them(stem):
    picture = np.arange(6.0).reshape(2, 3)
    save_array("a", picture, unit="kBq/mL")
    save_array("b", np.ones(3, dtype=np.int16))
    with np.load(stem.with_name(stem.name + ".arrays.npz")) as found:
        np.testing.assert_array_equal(found["a"], picture)
        assert json.loads(str(found["a.meta"])) == {"unit": "kBq/mL"}
        assert found["b"].dtype == np.int16
    with pytest.raises(InputError, match="not finite"):
        save_array("c", [np.nan])


def test_the_same_arrays_give_the_same_bytes(stem):
    path = stem.with_name(stem.name + ".arrays.npz")
    save_array("a", np.arange(5.0))
    first = path.read_bytes()
    path.unlink()
    save_array("a", np.arange(5.0))
    assert path.read_bytes() == first


def test_finish_reports_backends_files_and_memory(stem, project):
    class Operator:
        backend = "joseph"
        backend_version = "numba 1"

    record_backend(Operator())
    record_backend("matrix", "torch 2", "cpu")
    record_backend("matrix", "torch 2", "cpu")
    assert track_input("data/parameters.yml") == project / "data" / "parameters.yml"
    with pytest.raises(InputError, match="there is no file data/x"):
        track_input("data/x")
    write_kernel_facts()
    found = _read(stem, ".kernel.json")
    assert [p["backend"] for p in found["projectors"]] == ["joseph", "matrix"]
    assert found["inputs"]["data data/parameters.yml"] == data_hash(project / "data" / "parameters.yml")
    assert found["threads"]["cores"] >= 1
    assert set(found["cache"]) == {"read", "made"}
    assert found["peak_memory_mib"] > 10
    assert found["versions"]["numpy"] == np.__version__


def test_numbers_of_another_run(made):
    numbers = load_numbers("01")
    assert numbers["psnr"]["samples"][:3] == [21.0, 22.0, 22.5]
    np.testing.assert_array_equal(load_array("picture", "01"), [[1, 1], [2, 3]])
    with pytest.raises(InputError, match="Did you mean 'picture'"):
        load_array("pictur", "01")
    with pytest.raises(MissingError, match="run `petrecon run 01_toy --profile quick --scanner hrrt --dose 1` first"):
        load_numbers("01", scanner="hrrt")


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("numbers", b"{"),
        ("numbers", b"[1]"),
        ("numbers", b'{"a": {}}'),
        ("arrays", b""),
        ("arrays", b"PK\x03\x04 torn"),
    ],
)
def test_broken_files_of_another_run_are_named_with_their_cure(stem, kind, content):
    run = plan("01", {})
    run.path(kind).parent.mkdir(parents=True, exist_ok=True)
    run.path(kind).write_bytes(content)
    with pytest.raises(MissingError, match="cannot be read") as caught:
        load_numbers("01") if kind == "numbers" else load_array("picture", "01")
    assert str(run.path(kind)) in str(caught.value)
    assert f"run `{run.command} --force`" in str(caught.value)
