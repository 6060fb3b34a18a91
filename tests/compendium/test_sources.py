"""Notebooks are found by number, name or unique beginning; title and time come from their text."""

from __future__ import annotations

import pytest

from petrecon.compendium.runs.notebook_source import find
from petrecon.errors import InputError


@pytest.mark.parametrize("word", ["01", "1", "01_toy", "01_t", "toy", "to", "notebooks/01_toy.py", "01_toy.ipynb"])
def test_a_notebook_is_found_by(project, word):
    assert find(word).name == "01_toy"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("02", "there is no notebook '02'"),
        ("01_tyo", "Did you mean '01_toy'?"),
        ("tooy", "Did you mean '01_toy'?"),
        ("3", "there is no notebook '3'"),
        ("²", "there is no notebook '²'"),
    ],
)
def test_an_unknown_notebook_is_refused_with_the_nearest(project, word, message):
    with pytest.raises(InputError) as caught:
        find(word)
    assert message in str(caught.value)


def test_a_number_means_its_notebook_with_or_without_its_zero(project):
    for name in ("00_zero", "10_ten", "11_eleven"):
        (project / "notebooks" / f"{name}.py").write_text("# %%\n", encoding="utf-8")
    assert [find(word).name for word in ("00", "0", "1", "10")] == ["00_zero", "00_zero", "01_toy", "10_ten"]


def test_an_ambiguous_beginning_lists_what_fits(project):
    (project / "notebooks" / "11_toys.py").write_text("# %%\n", encoding="utf-8")
    with pytest.raises(InputError, match="fits several notebooks: 01_toy, 11_toys"):
        find("to")


def test_title_time_and_cells_are_read_from_the_text(project):
    source = find("01")
    assert source.title == "A toy notebook"
    assert source.time == "3 s on every profile."
    assert [cell.kind for cell in source.cells] == ["markdown", "code", "code", "code"]
    assert source.cells[1].tags == ("parameters",)
