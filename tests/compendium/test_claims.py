"""Rules decide from the whole interval; bad entries are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from petrecon.compendium.artefacts import artefacts
from petrecon.compendium.claims import claims, verdict
from petrecon.errors import CardError

LESS, MARGIN = {"kind": "less", "than": 0.0}, {"kind": "less", "margin": 0.5}
GREATER, WITHIN = {"kind": "greater", "than": 0.98}, {"kind": "within", "low": 1.0, "high": 3.0}


@pytest.mark.parametrize(
    ("rule", "value", "interval", "expected"),
    [
        (LESS, -1, (-2, -0.1), "holds"),
        (LESS, -1, (-2, 0.1), "undecided"),
        (LESS, 1, (0.1, 2), "fails"),
        (LESS, 0.0, None, "fails"),
        (LESS, 1, (0.0, 2), "fails"),
        (MARGIN, -1, (-2, -0.6), "holds"),
        (MARGIN, -1, (-2, -0.4), "undecided"),
        (MARGIN, -0.2, (-0.4, 0), "fails"),
        (GREATER, 0.99, (0.985, 0.995), "holds"),
        (GREATER, 0.99, (0.97, 0.999), "undecided"),
        (GREATER, 0.9, (0.85, 0.98), "fails"),
        (GREATER, 0.99, None, "holds"),
        (WITHIN, 2, (1.0, 3.0), "holds"),
        (WITHIN, 2, (0.9, 2.5), "undecided"),
        (WITHIN, 2, (0.5, 3.5), "undecided"),
        (WITHIN, 4, (3.1, 5), "fails"),
        (WITHIN, 0, (-1, 0.5), "fails"),
    ],
)
def test_the_whole_interval_decides(rule, value, interval, expected):
    assert verdict(rule, value, interval) == expected


CLAIM = "- {id: deq/a, paper: deq, statement: s, rule: {kind: less, than: 1}, computed_by: {notebook: 01_toy, key: k}}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id: deq/a, ", "", "entry 1 has no id"),
        ("paper: deq", "paper: dek", "deq/a: paper 'dek'. Did you mean 'deq'?"),
        ("statement: s, ", "", "statement is missing"),
        ("kind: less", "kind: les", "Did you mean 'less'?"),
        ("than: 1", "then: 1", "rule.then is not a field of less. Did you mean 'than'?"),
        ("than: 1", "than: one", "rule.than must be a number, got 'one'"),
        ("than: 1", "than: .nan", "rule.than must be a number, got nan"),
        ("kind: less, than: 1", "kind: within, low: 3, high: 1", "low not above high"),
        (", key: k", "", "computed_by needs notebook and key"),
        ("statement: s", "statement: s, rul: 1", "Did you mean 'rule'?"),
        ("statement: s", "statement: s, profile: big", "profile must be one of"),
    ],
)
def test_a_bad_claim_is_refused(project: Path, old, new, message):
    assert old in CLAIM
    (project / "data" / "claims.yml").write_text(CLAIM.replace(old, new), encoding="utf-8")
    with pytest.raises(CardError, match=r"claims\.yml") as caught:
        claims()
    assert message in str(caught.value)


def test_the_same_id_twice_is_refused(project: Path):
    (project / "data" / "claims.yml").write_text(f"{CLAIM}\n{CLAIM}\n", encoding="utf-8")
    with pytest.raises(CardError, match="deq/a is there twice"):
        claims()


ARTEFACT = "- {id: deq/t, paper: deq, kind: table, shows: s, state: substituted, notebook: n, note: why}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: table", "kind: tabel", "Did you mean 'table'?"),
        ("state: substituted", "state: finished", "state 'finished'"),
        (", note: why", "", "a substituted artefact needs a note that says why"),
        (", notebook: n", "", "a substituted artefact needs its notebook"),
        ("shows: s, ", "", "shows is missing"),
    ],
)
def test_a_bad_artefact_is_refused(project: Path, old, new, message):
    (project / "data" / "artefacts.yml").write_text(ARTEFACT.replace(old, new), encoding="utf-8")
    with pytest.raises(CardError, match=r"artefacts\.yml") as caught:
        artefacts()
    assert message in str(caught.value)


def test_the_project_s_own_claims_and_artefacts_are_valid(monkeypatch):
    monkeypatch.delenv("PETRECON_HOME", raising=False)
    assert len(claims()) > 20
    assert len(artefacts()) > 20
