"""Rules decide from the whole interval; bad entries are refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from petrecon.compendium.book.artefacts import artefacts
from petrecon.compendium.book.claims import Claim, Rule, claims, decide, verdict
from petrecon.errors import CardError
from petrecon.metrics import interval

LESS, MARGIN = {"kind": "less", "than": 0.0}, {"kind": "less", "margin": 0.5}
GREATER, WITHIN = {"kind": "greater", "than": 0.98}, {"kind": "within", "low": 1.0, "high": 3.0}


@pytest.mark.parametrize(
    ("rule", "interval", "expected"),
    [
        (LESS, (-2, -0.1), "holds"),
        (LESS, (-2, 0.1), "undecided"),
        (LESS, (0.1, 2), "fails"),
        (LESS, (0.0, 0.0), "fails"),
        (LESS, (0.0, 2), "fails"),
        (MARGIN, (-2, -0.6), "holds"),
        (MARGIN, (-2, -0.4), "undecided"),
        (MARGIN, (-0.4, 0), "fails"),
        (GREATER, (0.985, 0.995), "holds"),
        (GREATER, (0.97, 0.999), "undecided"),
        (GREATER, (0.85, 0.98), "fails"),
        (GREATER, (0.99, 0.99), "holds"),
        (WITHIN, (1.0, 3.0), "holds"),
        (WITHIN, (0.9, 2.5), "undecided"),
        (WITHIN, (0.5, 3.5), "undecided"),
        (WITHIN, (3.1, 5), "fails"),
        (WITHIN, (-1, 0.5), "fails"),
    ],
)
def test_the_whole_interval_decides(rule, interval, expected):
    assert decide(Rule(**rule), *interval) == expected


def _claim(units: str = "donors", **rule) -> Claim:
    return Claim(
        id="deq/a", paper="deq", statement="s", rule=Rule(**(rule or {"kind": "greater", "than": 0.0})), units=units
    )


SURE = {"value": 1.0, "interval": [0.5, 1.5], "kind": "bootstrap", "units": {"donors": 5}}


@pytest.mark.parametrize(
    ("units", "number", "word", "reason"),
    [
        ("donors", {}, "holds", ""),
        ("donors", {"kind": "range"}, "holds", ""),
        ("donors", {"interval": [-0.5, 1.5]}, "undecided", "on both sides"),
        ("donors", {"units": {"donors": 4}}, "undecided", "4 donors, and it takes 5"),
        ("donors", {"units": {"donors": 1, "noise draws": 20}, "kind": None}, "undecided", "1 donor, and it takes 5"),
        ("donors", {"units": {"noise draws": 20}}, "undecided", "over noise draws, the claim speaks of donors"),
        ("noise draws", {"units": {"donors": 5, "noise draws": 9}}, "undecided", "is over donors"),
        ("donors", {"kind": None, "units": None}, "undecided", "recorded before units were declared"),
        ("donors", {"interval": None, "kind": None, "units": {"donors": 6}}, "undecided", "no interval"),
        ("donors", {"kind": "exact", "units": {}, "interval": None}, "undecided", "recorded as exact"),
        ("donors", {"kind": "guess"}, "undecided", "unknown kind 'guess'"),
        ("donors", {"value": True}, "undecided", "no number"),
        ("exact", {"kind": "exact", "units": {}, "interval": None}, "holds", ""),
        ("exact", {"kind": "exact", "value": -1.0, "units": {}, "interval": None}, "fails", ""),
        ("exact", {}, "undecided", "the claim is about an exact number, not about 5 donors"),
        ("exact", {"kind": None, "units": None}, "undecided", "recorded before units were declared"),
    ],
)
def test_only_an_interval_over_five_of_what_the_claim_speaks_of_decides(units, number, word, reason):
    entry = {name: part for name, part in {**SURE, **number}.items() if part is not None}
    found = verdict(_claim(units), entry)
    assert found.word == word
    assert reason in found.reason
    assert bool(found.reason) == (word == "undecided")


def _noise(seed: int, n: int, inner: int) -> dict:
    """Return what would be recorded of pure noise: n donors that differ, each with some noise draws, true mean 0."""
    rng = np.random.default_rng([seed, n, inner])
    x = (rng.normal(size=(n, 1)) + (rng.normal(size=(n, inner)) if inner else 0)).ravel()
    size = max(inner, 1)
    found = interval(x, units={"donors": np.repeat(range(n), size).tolist(), "noise draws": [*range(size)] * n})
    return {"value": found.value, "interval": [found.low, found.high], "kind": found.kind, "units": dict(found.units)}


@pytest.mark.parametrize("kind", ["greater", "less"])
@pytest.mark.parametrize("inner", [0, 10])
@pytest.mark.parametrize("n", [2, 4, 5, 6, 8, 12])
def test_pure_noise_is_undecided_in_at_least_90_of_100_seeds(n, inner, kind):
    words = [verdict(_claim(kind=kind, than=0.0), _noise(seed, n, inner)).word for seed in range(100)]
    assert words.count("undecided") >= (90 if n >= 5 else 100)


def test_a_real_effect_is_found():
    """Eight donors, an effect of three standard deviations: an interval that always straddled would be useless."""
    for seed in range(20):
        number = _noise(seed, 8, 10)
        moved = number | {"interval": [end + 3 for end in number["interval"]], "value": number["value"] + 3}
        assert verdict(_claim(), moved).word == "holds"


CLAIM = (
    "- {id: deq/a, paper: deq, statement: s, rule: {kind: less, than: 1}, units: heads, "
    "computed_by: {notebook: 01_toy, key: k}}"
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id: deq/a, ", "", "entry 1: field 'id' is missing"),
        ("paper: deq", "paper: dek", "deq/a: field 'paper' is 'dek'. Did you mean 'deq'?"),
        ("statement: s, ", "", "'statement' is missing"),
        ("kind: less", "kind: les", "Did you mean 'less'?"),
        ("than: 1", "then: 1", "'rule.then' is unknown. Did you mean 'than'?"),
        ("than: 1", "than: one", "'rule.than' is 'one': give a number"),
        ("than: 1", "than: .nan", "'rule.than' is nan: give a finite number"),
        ("kind: less, than: 1", "kind: within, low: 3, high: 1", "low not above high"),
        (", key: k", "", "'computed_by.key' is missing"),
        ("statement: s", "statement: s, rul: 1", "Did you mean 'rule'?"),
        ("statement: s", "statement: s, profile: big", "'profile' is 'big'. Choose one of: laptop, paper, quick."),
        ("kind: less, than: 1", "kind: less", "'rule' of kind less needs one bound, than or margin"),
        ("kind: less, than: 1", "kind: greater", "'rule' of kind greater needs one bound, than or margin"),
        ("than: 1", "than: 1, margin: 1", "needs one bound, than or margin"),
        ("than: 1", "margin: -5", "'rule.margin' is -5: it must be at least 0 (a size, not below zero)"),
        ("statement: s", "statement: s, paper_value: [1, 2]", "'paper_value' is [1, 2]: must be text (or a number)"),
        ("units: heads, ", "", "'units' is missing: what the claim speaks of"),
        ("units: heads", "units: [heads]", "'units' is ['heads']: must be text (what the claim speaks of"),
    ],
)
def test_a_bad_claim_is_refused(project: Path, old, new, message):
    assert old in CLAIM
    (project / "data" / "claims.yml").write_text(CLAIM.replace(old, new), encoding="utf-8")
    with pytest.raises(CardError, match=r"claims\.yml") as caught:
        claims()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_same_id_twice_is_refused(project: Path):
    (project / "data" / "claims.yml").write_text(f"{CLAIM}\n{CLAIM}\n", encoding="utf-8")
    with pytest.raises(CardError, match="deq/a is there twice"):
        claims()


ARTEFACT = "- {id: deq/t, paper: deq, kind: table, shows: s, state: substituted, notebook: n, note: why}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: table", "kind: tabel", "Did you mean 'table'?"),
        ("state: substituted", "state: finished", "'state' is 'finished'"),
        (", note: why", "", "a substituted artefact needs a note that says why"),
        (", notebook: n", "", "a substituted artefact needs its notebook"),
        ("shows: s, ", "", "'shows' is missing"),
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
