"""Tables are shown as rows of text, with captions and formats that fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from petrecon.compendium.notebook import tables
from petrecon.compendium.notebook.tables import table
from petrecon.errors import InputError


def test_a_table_is_shown_as_its_rows(monkeypatch):
    shown = []
    monkeypatch.setattr(tables, "show_data", lambda data, metadata: shown.append((data, metadata)))
    frame = pd.DataFrame({"method": ["a", "b"], "PSNR (dB)": [1.23456, np.nan]})
    table(frame, name="tab-a", caption="A.", formats={"PSNR (dB)": ".2f"})
    metadata = shown[0][1]
    assert metadata["header"] == ["method", "PSNR (dB)"]
    assert metadata["rows"] == [["a", "1.23"], ["b", "–"]]
    with pytest.raises(InputError, match="no column 'psnr'"):
        table(frame, name="tab-a", caption="A.", formats={"psnr": ".2f"})
    with pytest.raises(InputError, match="is empty"):
        table(frame[:0], name="tab-a", caption="A.")


def test_every_number_follows_its_columns_format_and_no_other(monkeypatch):
    """Whole numbers and numpy's too; words stay; a column without a format has four significant digits."""
    shown = []
    monkeypatch.setattr(tables, "show_data", lambda data, metadata: shown.append(metadata["rows"]))
    frame = pd.DataFrame(
        {"n": [1234567, 2], "x": np.float32([0.123456, 98765.4]), "y": [0.123456, 2.0], "w": ["a", "b"]}
    )
    table(frame, name="tab-a", caption="A.", formats={"n": ",", "y": ".1f", "w": ".2f"})
    assert shown[0] == [["1,234,567", "0.1235", "0.1", "a"], ["2", "9.877e+04", "2.0", "b"]]
