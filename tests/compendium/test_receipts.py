"""A receipt tells fresh from stale, missing and corrupted, and names what changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from petrecon.compendium.runs.receipts import status, verify
from petrecon.compendium.runs.run import plan


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_run_just_made_is_fresh_and_complete(made: Path):
    run = plan("01", {})
    assert str(status(run)) == "fresh"
    receipt = json.loads(run.path("receipt").read_text(encoding="utf-8"))
    assert receipt["parameters"] == {"profile": "quick", "scanner": "biograph-mmr", "dose": 1.0, "seed": 0}
    assert set(receipt["outputs"]) == {"notebook", "numbers", "arrays"}
    assert receipt["command"] == "petrecon run 01_toy --profile quick --scanner biograph-mmr --dose 1"
    assert receipt["duration_s"] > 0
    assert receipt["peak_memory_mib"] > 10
    assert {"python", "numpy", "petrecon"} <= set(receipt["versions"])
    assert [str(state) for _, _, state in verify()] == ["fresh", "fresh"]


def test_a_change_of_code_names_the_module(made: Path, package: Path):
    _edit(package / "compendium" / "notebook" / "record.py", "def save_array", "CHANGED = 1\n\n\ndef save_array")
    assert str(status(plan("01", {}))) == "stale: because module petrecon.compendium.notebook.record changed"


def test_a_change_of_a_docstring_or_comment_changes_nothing(made: Path, package: Path):
    _edit(package / "compendium" / "notebook" / "record.py", "Keep a number", "Hold a number")
    _edit(package / "errors.py", "class CardError", "# a comment\nclass CardError")
    assert str(status(plan("01", {}))) == "fresh"


def test_a_change_of_what_is_not_imported_changes_nothing(made: Path, package: Path):
    _edit(package / "compendium" / "notebook" / "figures.py", "MIN_ALT = 30", "MIN_ALT = 20")
    states = {stem: str(state) for _, stem, state in verify("quick")}
    assert states["01_toy__biograph-mmr__dose1"] == "fresh"
    assert states["02_pictures"] == "stale: because module petrecon.compendium.notebook.figures changed"


def test_a_change_of_source_card_or_sizes_is_named(made: Path):
    run = plan("01", {})
    _edit(made / "data" / "scanners" / "biograph-mmr.yaml", "biograph", "Biograph")
    _edit(made / "data" / "scanners" / "hrrt.yaml", "hrrt", "HRRT")
    assert str(status(run)) == "stale: because data data/scanners/biograph-mmr.yaml changed"
    (made / "data" / "profiles.yml").write_text("01_toy: {quick: {n: 3}}\n", encoding="utf-8")
    assert "profile sizes is new" in status(run).because
    _edit(run.source.path, "A toy notebook", "A changed notebook")
    assert "source changed" in status(plan("01", {})).because


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        ("notebook", "{", "was changed after the run"),
        ("numbers", "{}", "was changed after the run"),
        ("arrays", None, "is gone"),
        ("receipt", "{", "is not a receipt"),
        ("receipt", "[]", "is not a receipt"),
        ("receipt", '{"schema": 99}', "is not a receipt"),
        ("receipt", "no duration_s", "is not a receipt"),
        ("receipt", "no also_read", "is not a receipt"),
    ],
)
def test_changed_outputs_and_broken_receipts_are_corrupted(made: Path, kind, content, said):
    run = plan("01", {})
    if content and content.startswith("no "):
        receipt = json.loads(run.path(kind).read_text(encoding="utf-8"))
        del receipt[content.removeprefix("no ")]
        content = json.dumps(receipt)
    if content is None:
        run.path(kind).unlink()
    else:
        run.path(kind).write_text(content, encoding="utf-8")
    state = status(run)
    assert state.state == "corrupted"
    assert said in str(state)
    assert [s.state for _, stem, s in verify() if stem == run.stem] == ["corrupted"]


def test_other_parameters_are_stale(made: Path):
    """The same name, source and inputs, made with another seed."""
    run = plan("01", {})
    receipt = json.loads(run.path("receipt").read_text(encoding="utf-8"))
    receipt["parameters"]["seed"] = 1
    run.path("receipt").write_text(json.dumps(receipt), encoding="utf-8")
    assert str(status(run)) == "stale: because parameters changed"


def test_missing_orphaned_and_unplannable_runs(made: Path):
    assert str(status(plan("01", {"dose": "2"}))) == "missing"
    plan("02", {}).path("receipt").unlink()
    (made / "data" / "scanners" / "biograph-mmr.yaml").unlink()
    states = {stem: str(state) for _, stem, state in verify()}
    assert states["02_pictures"] == "corrupted: it has no receipt"
    assert states["01_toy__biograph-mmr__dose1"].startswith("stale: because it can no longer be made")
