"""The run matrix: expansion, order, profiles, and errors that name the entry."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from petrecon.compendium.runs.plan import matrix
from petrecon.compendium.runs.run import plan
from petrecon.errors import CardError


@pytest.fixture
def notebooks(project: Path) -> Path:
    for name in ("02_b", "03_c"):
        (project / "notebooks" / f"{name}.py").write_text("# %%\nx = 1\n", encoding="utf-8")
    return project


def _write(project: Path, text: str) -> None:
    (project / "data" / "runs.yml").write_text(text, encoding="utf-8")


def test_scanners_times_doses_after_what_they_need(notebooks):
    _write(
        notebooks,
        "- {notebook: '02', needs: ['03'], page: none}\n"
        "- {notebook: 01_toy, cross: {scanner: [hrrt, gemini], dose: [1, 0.25]}, needs: [02_b], page: gallery}\n"
        "- {notebook: 03_c, profiles: [quick]}\n",
    )
    stems = [row.run.stem for row in matrix("quick")]
    assert stems == [
        "03_c",
        "02_b",
        "01_toy__hrrt__dose1",
        "01_toy__hrrt__dose0.25",
        "01_toy__gemini__dose1",
        "01_toy__gemini__dose0.25",
    ]
    assert [row.run.stem for row in matrix("quick", "02")] == ["03_c", "02_b"]
    with pytest.raises(CardError, match="02_b needs 03_c, which has no run in the laptop profile"):
        matrix("laptop")


def test_parameters_that_vary_together_and_lists_of_profiles_are_crossed(notebooks):
    """The first name varies slowest; a list may be one of data/profiles.yml."""
    (notebooks / "data" / "profiles.yml").write_text("02_b: {quick: {doses: [0.5, 0.25]}}\n", encoding="utf-8")
    _write(
        notebooks,
        '- {notebook: 01_toy, cross: {"scanner, seed": [[hrrt, 1], [gemini, 2]], dose: 02_b.doses}}\n',
    )
    assert [row.run.stem for row in matrix("quick")] == [
        "01_toy__hrrt__dose0.5__seed-1",
        "01_toy__hrrt__dose0.25__seed-1",
        "01_toy__gemini__dose0.5__seed-2",
        "01_toy__gemini__dose0.25__seed-2",
    ]


def test_names_of_runs(notebooks):
    _write(notebooks, "- {notebook: '01', cross: {dose: [0.25]}, parameters: {seed: 7}}\n")
    (row,) = matrix("paper")
    assert row.run.stem == "01_toy__biograph-mmr__dose0.25__seed-7"
    assert row.run.label == "biograph-mmr-dose0-25-seed-7"
    assert row.run.command == "petrecon run 01_toy --profile paper --scanner biograph-mmr --dose 0.25 --seed 7"
    assert row.run.path("numbers") == notebooks / "book/runs/paper/01_toy__biograph-mmr__dose0.25__seed-7.numbers.json"


def test_files_of_one_name_are_different_runs(project, tmp_path):
    """By content, not by folder; and a file of one's own is not the card of that name."""
    cards = [tmp_path / folder / "biograph-mmr.yaml" for folder in "abc"]
    for card, text in zip(cards, ("x: 1\n", "x: 2\n", "x: 1\n"), strict=True):
        card.parent.mkdir()
        card.write_text(text, encoding="utf-8")
    stems = [plan("01", {"scanner": str(card)}).stem for card in cards]
    assert re.fullmatch(r"01_toy__biograph-mmr-[0-9a-f]{6}__dose1", stems[0])
    assert stems[0] == stems[2] != stems[1]
    assert plan("01", {}).stem == "01_toy__biograph-mmr__dose1"
    (project / "perm.nii.gz").write_bytes(b"1")
    head = '# %% tags=["parameters"]\nanatomy: str = "mni152"\n'
    (project / "notebooks" / "03_head.py").write_text(head, encoding="utf-8")
    run = plan("03", {"anatomy": str(project / "perm.nii.gz")})
    assert re.fullmatch(r"03_head__anatomy-perm-[0-9a-f]{6}", run.stem)
    assert run.command == "petrecon run 03_head --profile quick --anatomy perm.nii.gz"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {notebook: 01_toy, crss: {scanner: [hrrt]}}", "entry 1: field 'crss' is unknown. Did you mean 'cross'?"),
        (
            "- {notebook: 01_toy, cross: {scaner: [hrrt]}}",
            "(01_toy): there is no parameter 'scaner'. Did you mean 'scanner'",
        ),
        ("- {notebook: 01_toy, cross: {scanner: hrrt}}", "(01_toy): data/profiles.yml has no 'hrrt' in quick"),
        ("- {notebook: 01_toy, cross: {scanner: 3}}", "(01_toy): cross.scanner is 3: give a list"),
        ('- {notebook: 01_toy, cross: {"scanner, dose": [[hrrt]]}}', "(01_toy): cross.scanner, dose needs lists of 2"),
        ("- {notebook: 01_toy, profiles: [quik]}", "entry 1: field 'profiles' is 'quik'. Did you mean 'quick'?"),
        ("- {page: none}", "entry 1: field 'notebook' is missing"),
        ("- {notebook: 01_toy, cross: {scanner: [hrt]}}", "entry 1 (01_toy): scanner 'hrt' is not known"),
        ("- {notebook: 01_toy, cross: {dose: [10]}}", "got 10"),
        ("- {notebook: 01_tooy}", "Did you mean '01_toy'?"),
        ("- {notebook: 01_toy, page: galery}", "Did you mean 'gallery'?"),
        ("- {notebook: 01_toy}\n- {notebook: 01_toy}", "lists 01_toy__biograph-mmr__dose1 twice"),
        ("- {notebook: 01_toy, needs: [02_b]}\n- {notebook: 02_b, needs: [01_toy]}", "needs go in a circle"),
        ("notebook: 01_toy", "must be a list of entries"),
        ("- [", "is not valid YAML"),
    ],
)
def test_a_bad_matrix_is_refused(notebooks, text, message):
    _write(notebooks, text)
    with pytest.raises(CardError, match=r"runs\.yml") as caught:
        matrix("quick")
    assert message in str(caught.value)
