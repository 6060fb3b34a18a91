"""What the conformance suite measured is summed up without losing a failure."""

import pandas as pd

from petrecon.studies.conformance_report import by_property, chords_by_box, summary

_ROW = {"backend": "joseph", "dtype": "float64", "property": "linear", "measured": 1e-15, "threshold": 1e-12}
ROWS = pd.DataFrame(
    [
        {**_ROW, "passed": True},
        {**_ROW, "dtype": "float32", "measured": 1.0, "threshold": 1e-5, "passed": False},
        {**_ROW, "dtype": "float32", "property": "chords of a box, lines in space, zero border", "passed": True},
        {**_ROW, "dtype": "float32", "property": "chords of a box, lines in space", "passed": True},
    ]
)


def test_a_failing_check_is_counted_and_named():
    assert summary(ROWS).startswith("**3 of 4** checks pass")
    assert "Failing: joseph, linear." in summary(ROWS)


def test_a_property_has_one_row_with_double_before_single_precision():
    row = by_property(ROWS).set_index("property").loc["linear"]
    assert row["allowed"] == "1e-12 / 1e-05"
    assert row["joseph"] == "1e-15 / 1e+00 FAIL"


def test_chords_are_told_apart_by_lines_and_box():
    found = chords_by_box(ROWS)
    assert set(found["lines"]) == {"in space"}
    assert set(found["box"]) == {"filled to its faces", "border of one empty voxel"}
