"""The ledger holds what the paper says, the published run, your run, and a verdict for each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from petrecon.compendium.generated import ledger_page
from petrecon.compendium.ledger import counts, ledger, write_ledger
from petrecon.errors import CardError

CLAIM = """
- id: foundations/{id}
  paper: foundations
  statement: "A *starred* statement"
  paper_value: "20 dB"
  computed_by: {computed}
  rule: {{kind: greater, than: {than}}}
  profile: {profile}
"""


def _write(project: Path, *claims: dict) -> None:
    known = {"computed": "{notebook: 01_toy, key: psnr}", "than": 1, "profile": "quick"}
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
    assert first["value"] == pytest.approx(65.5 / 3)
    assert first["interval"][0] < first["value"] < first["interval"][1]
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
    assert (first["verdict"], second["verdict"]) == ("not run yet", "holds")
    assert "recorded a word under 'word', and a rule needs a number" in first["note"]


def test_changing_one_expectation_changes_one_verdict(made: Path):
    _write(made, {}, {}, {})
    before = [row["yours"]["verdict"] for row in ledger()["claims"]]
    _write(made, {}, {"than": 100}, {})
    after = [row["yours"]["verdict"] for row in ledger()["claims"]]
    assert before == ["holds"] * 3
    assert after == ["holds", "fails", "holds"]


def test_the_ledger_is_written_and_shown(made: Path):
    _write(made, {}, {"than": 100, "profile": "laptop"})
    content = write_ledger("quick")
    assert json.loads((made / "book" / "runs" / "ledger.json").read_text(encoding="utf-8")) == content
    page = ledger_page("quick")
    assert "A \\*starred\\* statement" in page
    assert "{bdg-success}`holds` 21.8 dB (21 to 22.5)" in page
    assert "{bdg-danger}`fails` 21.8 dB (21 to 22.5), *indicative*" in page
    linked = ledger_page("quick", {"01_toy__biograph-mmr__dose1": "chapters/01_toy"})
    assert "{doc}`21.8 dB <chapters/01_toy>`" in linked
    assert "1 holds, 1 fails" in page


def test_a_claim_of_a_notebook_that_is_not_there_is_named(project: Path):
    _write(project, {"computed": "{notebook: 01_tooy, key: k}"})
    with pytest.raises(CardError, match="foundations/c0: there is no notebook '01_tooy'"):
        ledger()
