"""The ledger holds what the paper says, the published run, your run, and a verdict for each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from petrecon.compendium.book.generated import ledger_page
from petrecon.compendium.book.ledger import counts, ledger, write_ledger
from petrecon.errors import CardError

CLAIM = """
- id: foundations/{id}
  paper: foundations
  statement: "A *starred* statement"
  paper_value: "20 dB"
  computed_by: {computed}
  rule: {{kind: greater, than: {than}}}
  units: {units}
  profile: {profile}
"""


def _write(project: Path, *claims: dict) -> None:
    known = {"computed": "{notebook: 01_toy, key: psnr}", "than": 1, "profile": "quick", "units": "patients"}
    text = "".join(CLAIM.format(**{**known, "id": f"c{i}", **claim}) for i, claim in enumerate(claims))
    (project / "data" / "claims.yml").write_text(text, encoding="utf-8")


def test_verdicts_from_the_numbers_of_a_run(made: Path):
    _write(
        made,
        {},
        {"than": 100},
        {"than": 21.9},
        {"computed": "null"},
        {"computed": "{notebook: 01_toy, key: psnr, scanner: hrrt, dose: 0.5}"},
        {"computed": "{notebook: 01_toy, key: psn}"},
        {"profile": "laptop"},
    )
    rows = ledger("quick")["claims"]
    words = [row["yours"]["verdict"] for row in rows]
    assert words == ["holds", "fails", "undecided", "not run yet", "not run yet", "not run yet", "holds"]
    assert {row["published"]["verdict"] for row in rows} == {"not run yet"}
    first = rows[0]["yours"]
    assert first["value"] == pytest.approx(131.5 / 6)
    assert first["interval"][0] < first["value"] < first["interval"][1]
    assert (first["kind"], first["units"], first["reason"]) == ("bootstrap", {"patients": 6}, "")
    assert rows[2]["yours"]["reason"] == "the interval lies on both sides of the bound"
    assert (first["unit"], first["state"], first["run"]) == ("dB", "fresh", "01_toy__biograph-mmr__dose1")
    assert rows[4]["yours"]["command"] == "petrecon run 01_toy --profile quick --scanner hrrt --dose 0.5"
    assert "Did you mean 'psnr'?" in rows[5]["yours"]["note"]
    assert [row["yours"].get("indicative", False) for row in rows] == [False] * 6 + [True]
    assert counts(ledger("quick")) == {"holds": 2, "fails": 1, "undecided": 1, "not run yet": 3}


def test_a_word_under_the_key_of_a_rule_leaves_the_other_claims(made: Path):
    path = made / "book" / "runs" / "quick" / "01_toy__biograph-mmr__dose1.numbers.json"
    numbers = json.loads(path.read_text(encoding="utf-8"))
    numbers["word"] = {**numbers["psnr"], "value": "much"}
    path.write_text(json.dumps(numbers), encoding="utf-8")
    _write(made, {"computed": "{notebook: 01_toy, key: word}"}, {})
    first, second = (row["yours"] for row in ledger("quick")["claims"])
    assert (first["verdict"], second["verdict"]) == ("undecided", "holds")
    assert first["reason"] == "what was recorded is no number"


def test_changing_one_expectation_changes_one_verdict(made: Path):
    _write(made, {}, {}, {})
    before = [row["yours"]["verdict"] for row in ledger()["claims"]]
    _write(made, {}, {"than": 100}, {})
    after = [row["yours"]["verdict"] for row in ledger()["claims"]]
    assert before == ["holds"] * 3
    assert after == ["holds", "fails", "holds"]


def test_the_ledger_is_written_and_shown(made: Path):
    _write(made, {}, {"than": 100, "profile": "laptop"})
    (made / "data" / "excused.yml").write_text("- {id: 01_toy/loss/*, reason: a part of it}\n", encoding="utf-8")
    content = write_ledger("quick")
    assert json.loads((made / "book" / "runs" / "ledger.json").read_text(encoding="utf-8")) == content
    page = ledger_page("quick")
    assert "A \\*starred\\* statement" in page
    assert "{bdg-success}`holds` 21.9 dB, 21.3 to 22.5 (bootstrap over 6 patients)" in page
    assert "{bdg-danger}`fails` 21.9 dB, 21.3 to 22.5 (bootstrap over 6 patients), *indicative*" in page
    assert "*About patients.*" in page
    assert "* - 01\\_toy/loss/\\*\n  - a part of it" in page, (
        "what was compared and is no claim is shown with its reason"
    )
    linked = ledger_page("quick", {"01_toy__biograph-mmr__dose1": "chapters/01_toy"})
    assert "{doc}`21.9 dB <chapters/01_toy>`" in linked
    assert "1 holds, 1 fails" in page


def test_a_claim_of_a_notebook_that_is_not_there_is_named(project: Path):
    _write(project, {"computed": "{notebook: 01_tooy, key: k}"})
    with pytest.raises(CardError, match="foundations/c0: there is no notebook '01_tooy'"):
        ledger()


def _numbers(made: Path, **number) -> None:
    path = made / "book" / "runs" / "quick" / "01_toy__biograph-mmr__dose1.numbers.json"
    path.write_text(json.dumps({"psnr": number}), encoding="utf-8")


def test_the_written_ledger_keeps_which_units_are_outermost(made: Path):
    _write(made, {})
    _numbers(made, value=3, interval=[2, 4], kind="range", units={"patients": 5, "doses": 6})
    write_ledger("quick")
    row = json.loads((made / "book" / "runs" / "ledger.json").read_text(encoding="utf-8"))["claims"][0]["yours"]
    assert (list(row["units"]), row["verdict"]) == (["patients", "doses"], "holds")


@pytest.mark.parametrize(
    ("number", "units", "said"),
    [
        (
            {"interval": [2, 4], "kind": "range", "units": {"donors": 2, "noise draws": 10}},
            "donors",
            "`undecided` 3 dB, 2 to 4 (range of 2 donors × 10 noise draws): 2 donors, and it takes 5",
        ),
        ({"interval": [2, 4]}, "donors", "`undecided` 3 dB, 2 to 4: recorded before units were declared"),
        ({"units": {"donors": 1}}, "donors", "`undecided` 3 dB (1 donor): 1 donor, and it takes 5"),
        ({"kind": "exact"}, "exact", "`holds` 3 dB (exact)"),
    ],
)
def test_the_page_says_of_which_kind_an_interval_is_and_why_it_decides_nothing(made: Path, number, units, said):
    _write(made, {"units": units})
    _numbers(made, value=3, unit="dB", **number)
    assert said in ledger_page("quick")


def test_a_per_cent_sign_stands_as_it_is_in_a_linked_number(made: Path):
    """What stands in a role is no Markdown: an escaped sign would be printed with its backslash."""
    _write(made, {"units": "exact"})
    _numbers(made, value=3.4, unit="%", kind="exact")
    page = ledger_page("quick", {"01_toy__biograph-mmr__dose1": "chapters/01_toy"})
    assert "{doc}`3.4 % <chapters/01_toy>`" in page
    assert "\\% <" not in page


def test_a_text_where_a_number_belongs_is_undecided_not_a_crash(made: Path):
    _write(made, {})
    _numbers(made, value="many", kind="exact")
    assert ledger()["claims"][0]["yours"]["reason"] == "what was recorded is no number"
    assert "`undecided` many" in ledger_page("quick")
