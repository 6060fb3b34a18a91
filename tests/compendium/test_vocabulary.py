"""Values are converted and checked by their card: type, finiteness, range, choices."""

from __future__ import annotations

from pathlib import Path

import pytest

from petrecon.compendium.runs.vocabulary import Bounds, vocabulary
from petrecon.errors import CardError, ParameterError


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [("(0, 4]", (1e-9, 4.0), (0.0, 4.1)), ("[0, inf)", (0, 1e30), (-1e-9,)), ("[1, 2)", (1.0,), (2.0,))],
)
def test_interval_ends_are_open_or_closed_as_written(text, inside, outside):
    interval = Bounds.parse(text)
    assert all(x in interval for x in inside)
    assert not any(x in interval for x in outside)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("dose", "0.25", 0.25),
        ("dose", 1, 1.0),
        ("seed", "7", 7),
        ("seed", "9007199254740993", 2**53 + 1),
        ("seed", str(2**63 - 1), 2**63 - 1),
        ("seed", "1e3", 1000),
        ("iterations", 3.0, 3),
        ("scanner", "hrrt", "hrrt"),
        ("profile", "laptop", "laptop"),
    ],
)
def test_text_becomes_the_declared_type(project, name, value, expected):
    found = vocabulary()[name].check(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("dose", "ten", "dose takes a number, got 'ten'"),
        ("dose", "10", "dose is a fraction of the scanner's reference exam in [0.001, 4], got 10"),
        ("dose", "0", "[0.001, 4], got 0"),
        ("dose", "0.0009", "[0.001, 4], got 0.0009"),
        ("dose", "nan", "dose must be finite, got nan"),
        ("dose", "inf", "dose must be finite, got inf"),
        ("dose", True, "dose takes a number, got True"),
        ("dose", None, "dose takes a number, got None"),
        ("seed", "1.5", "seed takes a whole number, got '1.5'"),
        ("seed", "-1", "[0, 9223372036854775808), got -1"),
        ("seed", str(2**63), "[0, 9223372036854775808), got 9223372036854775808"),
        ("seed", "9" * 400, "got 999999999999… (400 digits)"),
        ("seed", "9" * 5000, "seed must be finite"),
        ("dose", 10**400, "dose takes a number"),
        ("scanner", "hrt", "Did you mean 'hrrt'?"),
        ("scanner", "", "scanner takes a word, got ''"),
        ("profile", "lap", "Did you mean 'laptop'?"),
        ("scanner", "mine.yaml", "scanner: there is no file mine.yaml"),
        ("anatomy", "/nowhere/labels.nii.gz", "anatomy: there is no file /nowhere/labels.nii.gz"),
    ],
)
def test_bad_values_are_refused_in_one_line(project, name, value, message):
    with pytest.raises(ParameterError) as caught:
        vocabulary()[name].check(value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_may_stand_for_a_choice(project: Path, monkeypatch):
    (project / "mine.nii.gz").write_bytes(b"")
    monkeypatch.chdir(project)
    assert vocabulary()["anatomy"].check("mine.nii.gz") == str((project / "mine.nii.gz").resolve())


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("dose: {type: flot, help: x}", "dose: field 'type' is 'flot'. Did you mean 'float'?"),
        ("dose: {type: float}", "dose: field 'help' is missing"),
        ("dose: {type: float, help: x, rnge: '[0, 1]'}", "dose: field 'rnge' is unknown. Did you mean 'range'?"),
        ("dose: {type: float, help: x, range: 0..1}", "dose: field 'range' is '0..1': '0..1' is not an interval"),
        ("dose: {type: str, help: x, choices: scaners}", "Did you mean 'scanners'?"),
        ("dose: 3", "dose must be a group of `field: value` lines"),
        ("- dose", "must map parameter names to fields"),
        ("dose: {", "is not valid YAML"),
    ],
)
def test_a_bad_card_is_refused_with_its_field_named(project: Path, card, message):
    (project / "data" / "parameters.yml").write_text(card, encoding="utf-8")
    with pytest.raises(CardError, match=r"parameters\.yml") as caught:
        vocabulary()
    assert message in str(caught.value)


def test_a_missing_vocabulary_is_named(project: Path):
    (project / "data" / "parameters.yml").unlink()
    with pytest.raises(CardError, match=r"data/parameters\.yml is missing"):
        vocabulary()
