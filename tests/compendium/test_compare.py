"""Methods compared: every number under its key, differences in pairs, one table of what was recorded."""

from __future__ import annotations

import json

import numpy as np
import pytest

from petrecon.compendium.notebook import compare as module
from petrecon.compendium.notebook.compare import compare
from petrecon.errors import InputError
from petrecon.metrics import range_of

ROWS = {"MLEM": [20.0, 21.0, 22.0], "DDIP": [25.0, 25.5, 27.0]}


@pytest.fixture
def numbers(tmp_path, monkeypatch):
    monkeypatch.setenv("PETRECON_RUN", str(tmp_path / "run"))
    return lambda: json.loads((tmp_path / "run.numbers.json").read_text())


@pytest.fixture
def tables(monkeypatch):
    kept = []
    monkeypatch.setattr(module, "table", lambda frame, **words: kept.append((frame, words)))
    return kept


def test_rows_are_recorded_with_differences_in_pairs_and_shown_as_recorded(numbers, tables):
    found = compare(
        ROWS, key="psnr", units="noise draws", unit="dB", against="MLEM", gain_key="gain",
        columns={"": "PSNR (dB)"}, name="tab-a", caption="All.", digits=1,
    )  # fmt: skip
    stored = numbers()
    assert sorted(stored) == ["gain/DDIP", "psnr/DDIP", "psnr/MLEM"]
    assert stored["gain/DDIP"]["samples"] == [5.0, 4.5, 5.0]
    assert stored["gain/DDIP"]["compares"] == ["DDIP", "MLEM"]
    assert stored["gain/DDIP"]["unit"] == "dB"
    assert (found.cells["DDIP"].low, found.cells["DDIP"].high) == tuple(stored["psnr/DDIP"]["interval"])
    assert found.gains["DDIP"].value == pytest.approx(14.5 / 3)
    frame = tables[0][0]
    assert list(frame.columns) == ["method", "PSNR (dB)", "PSNR (dB) minus MLEM"]
    assert frame["PSNR (dB)"][0] == "21.0 (range 20.0 to 22.0)"
    assert frame["PSNR (dB) minus MLEM"][1] == "+4.8 (range 4.5 to 5.0)"


def test_columns_have_keys_units_and_digits_of_their_own(numbers, tables):
    rows = {m: {"psnr": v, "ssim": np.array(v) / 30, "s": 1.25, "where": "2D"} for m, v in ROWS.items()}
    found = compare(
        rows, key="{column}/{row}", units="noise draws", unit={"psnr": "dB", "s": "s"}, note={"s": "per image"},
        columns={"ssim": "SSIM", "s": "s", "where": "where"}, digits={"ssim": 3, "s": 1}, name="tab-a", caption="All.",
    )  # fmt: skip
    stored = numbers()
    assert sorted(stored) == sorted(f"{c}/{m}" for c in ("psnr", "ssim", "s") for m in ROWS)
    assert stored["s/DDIP"] == {"note": "per image", "unit": "s", "value": 1.25}
    assert "unit" not in stored["ssim/DDIP"]
    frame = tables[0][0]
    assert list(frame.columns) == ["method", "SSIM", "s", "where"]
    assert list(frame.iloc[0])[1:] == ["0.700 (range 0.667 to 0.733)", "1.2", "2D"]
    assert set(found.cells["MLEM"]) == {"psnr", "ssim"}


def test_without_a_key_or_a_name_nothing_is_recorded_or_shown(tmp_path, monkeypatch, tables):
    monkeypatch.setenv("PETRECON_RUN", str(tmp_path / "run"))
    found = compare(ROWS, key=None, units="noise draws")
    assert found.cells["MLEM"].value == 21
    assert not list(tmp_path.iterdir())
    assert not tables


def test_an_interval_is_recorded_as_it_is_and_a_function_may_leave_a_value_out(numbers):
    given = range_of([1.0, 2.0], units="patients")
    compare({"a": {"x": given, "y": 3}}, key=lambda row, column: "own" if column == "x" else None, units="patients")
    assert numbers()["own"]["interval"] == [1.0, 2.0]
    assert len(numbers()) == 1


def test_an_unknown_row_or_column_is_named_with_its_nearest(numbers):
    with pytest.raises(InputError, match="no row is named 'MLME'.*MLEM"):
        compare(ROWS, key=None, units="noise draws", against="MLME")
    rows = {"a": {"psnr": [1.0, 2.0]}}
    with pytest.raises(InputError, match="no row has a column 'pnsr'.*psnr"):
        compare(rows, key=None, units="draws", columns={"pnsr": "PSNR"}, name="tab-a", caption="All.")
    with pytest.raises(InputError, match="at least one row"):
        compare({}, key=None, units="draws")
