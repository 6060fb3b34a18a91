"""What a notebook declares is held against the vocabulary; what a user gives is checked before any kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from petrecon.compendium.runs.notebook_source import find
from petrecon.compendium.runs.parameters import declared, resolve
from petrecon.errors import CardError, ParameterError


def _notebook(project: Path, cell: str):
    path = project / "notebooks" / "05_other.py"
    path.write_text(f'# %% [markdown]\n# # T\n\n# %% tags=["parameters"]\n{cell}\n\n# %%\nx = 1\n', encoding="utf-8")
    return find("05")


def test_declared_defaults_in_order(project):
    assert list(declared(find("01")).items()) == [("scanner", "biograph-mmr"), ("dose", 1.0), ("seed", 0)]


def test_resolve_fills_in_defaults_and_converts(project):
    found = resolve(find("01"), {"dose": "0.25", "profile": "laptop"})
    assert found == {"profile": "laptop", "scanner": "biograph-mmr", "dose": 0.25, "seed": 0}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scaner": "hrrt"}, "there is no parameter 'scaner'. Did you mean 'scanner'?"),
        ({"iterations": "3"}, "01_toy has no parameter 'iterations'; it has profile, scanner, dose, seed."),
        ({"profile": "huge"}, "profile 'huge' is not known"),
    ],
)
def test_unknown_names_and_words_are_refused(project, given, message):
    with pytest.raises(ParameterError) as caught:
        resolve(find("01"), given)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("dose = 1.0", "write every parameter as 'name: type = default'"),
        ("dosee: float = 1.0", "parameter dosee is not in data/parameters.yml. Did you mean 'dose'?"),
        ("dose: int = 1", "dose is of type float, not int"),
        ("dose: float = 9.0", "the default of dose is not valid"),
        ("dose: float = 2 * 3", "the default of dose is not valid"),
        ("dose: float = ", "not valid Python"),
    ],
)
def test_a_bad_parameters_cell_is_refused(project, cell, message):
    with pytest.raises(CardError) as caught:
        declared(_notebook(project, cell))
    assert message in str(caught.value)


def test_a_notebook_without_parameters_takes_a_profile_only(project):
    (project / "notebooks" / "05_other.py").write_text("# %%\nx = 1\n", encoding="utf-8")
    assert resolve(find("05"), {}) == {"profile": "quick"}
