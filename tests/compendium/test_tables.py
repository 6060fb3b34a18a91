"""Tables are shown as rows of text, with captions and formats that fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from petrecon.compendium import tables
from petrecon.compendium.tables import table
from petrecon.errors import InputError


def test_a_table_is_shown_as_its_rows(monkeypatch):
    shown = []
    monkeypatch.setattr(tables, "put", lambda data, metadata: shown.append((data, metadata)))
    frame = pd.DataFrame({"method": ["a", "b"], "PSNR (dB)": [1.23456, np.nan]})
    table(frame, name="tab-a", caption="A.", formats={"PSNR (dB)": ".2f"})
    metadata = shown[0][1]
    assert metadata["header"] == ["method", "PSNR (dB)"]
    assert metadata["rows"] == [["a", "1.23"], ["b", "–"]]
    with pytest.raises(InputError, match="no column 'psnr'"):
        table(frame, name="tab-a", caption="A.", formats={"psnr": ".2f"})
    with pytest.raises(InputError, match="is empty"):
        table(frame[:0], name="tab-a", caption="A.")
