"""No silent choice: every recorded comparison is a claim or is excused by name, with a reason."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from petrecon.compendium.book import studies_called
from petrecon.compendium.book.claims import claims
from petrecon.compendium.book.comparisons import (
    excuses,
    is_comparison,
    recorded_in_runs,
    recorded_in_source,
    unjudged,
)
from petrecon.errors import CardError
from petrecon.paths import root


def test_every_recorded_comparison_is_a_claim_or_is_excused(monkeypatch):
    """From the sources of all notebooks and from the numbers of the published runs."""
    monkeypatch.delenv("PETRECON_HOME", raising=False)
    assert unjudged() == []


def test_no_excuse_is_left_over_and_none_hides_a_claim(monkeypatch):
    monkeypatch.delenv("PETRECON_HOME", raising=False)
    keys = {f"{notebook}/{key}" for notebook, key in recorded_in_runs("laptop")}
    for path in (root() / "notebooks").glob("[0-9]*.py"):
        keys |= {f"{path.stem}/{key}" for key in recorded_in_source(path)}
    claimed = {f"{c.computed_by.notebook}/{c.computed_by.key}" for c in claims() if c.computed_by}
    for excuse in excuses():
        assert any(fnmatchcase(key, excuse.id) for key in keys), f"nothing recorded is {excuse.id}"
        assert not [key for key in claimed if fnmatchcase(key, excuse.id)], f"{excuse.id} is claimed and excused"


@pytest.mark.parametrize(
    ("key", "compares", "expected"),
    [
        ("gain_over_frozen", None, True),
        ("missed_over_frozen/amyloid-negative", None, True),
        ("rdp_minus_mlem_bias", None, True),
        ("worst_regret/law", None, True),
        ("away/unetr", ["as it comes", "home"], True),
        ("psnr/DDIP", None, False),
        ("coverage/exact/0.5", None, False),
        ("again", None, False),
    ],
)
def test_a_comparison_is_known_by_what_record_was_told_or_by_its_name(key, compares, expected):
    assert is_comparison(key, compares) == expected


SOURCE = """
record("gain", samples=x, units="heads")
record("psnr", samples=x, units="heads")
record(f"away/{network}", samples=x, units="heads", compares=("a", "b"))
for key, (first, second) in {"bitfit_adds": 1, "psnr_of": 2}.items():
    record(f"{key}/{network}", samples=x, units="heads")
def difference(key, first):
    record(key, samples=x, units="heads")
difference("a_over_b", 1)
difference(f"over/{rival}/x", 1)
name = f"far_gain/{exam}" if exam else "near_gain"
record(name, samples=x, units="heads")
for what, row in {"as it comes": "near", "tuned": "far"}.items():
    record(f"{row}/{network}", samples=x, units="heads", compares=("a", "b"))
both = {"compares": ("a", "b")}
record(f"forgotten/{network}", samples=x, units="heads", **both)
"""


def test_a_source_is_read_for_the_keys_it_will_record(tmp_path: Path):
    (tmp_path / "a.py").write_text(SOURCE, encoding="utf-8")
    found = recorded_in_source(tmp_path / "a.py")
    assert {
        "gain",
        "away/*",
        "bitfit_adds/*",
        "a_over_b",
        "over/*/x",
        "far_gain/*",
        "near_gain",
        "near/*",
        "far/*",
    } <= found
    assert not {key for key in found if key.startswith("psnr")}


NOTEBOOK = """
from petrecon.studies import lesions
from petrecon.studies import cases
from petrecon.studies.cases import judge
lesions.record_lesions(3)
judge("far_gain")
cases.judge("near_gain/x")
"""
STUDIES = {
    "lesions": """
from petrecon.studies.cases import NAMES, inner
def record_lesions(n):
    record(f"missed_over/{n}", n)
    record(f"psnr/{n}", n)
    inner(NAMES)
def never_called():
    record("unused_gain", 1)
""",
    "cases": """
NAMES = {"psnr": 1}
def inner(names):
    record(f"away/{len(names)}", 1, compares=("a", "b"))
def judge(key):
    record(key, samples=x, units="heads")
""",
}


def test_keys_are_looked_for_in_the_studies_that_a_notebook_calls(tmp_path: Path, monkeypatch):
    """Through imported names, whole modules and from one study to another; not in what nobody calls."""
    for name, source in STUDIES.items():
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(studies_called, "module_file", lambda name: tmp_path / f"{name.rpartition('.')[2]}.py")
    (tmp_path / "a.py").write_text(NOTEBOOK, encoding="utf-8")
    assert recorded_in_source(tmp_path / "a.py") == {"missed_over/*", "away/*", "far_gain", "near_gain/x"}


CLAIM = (
    "- {id: deq/a, paper: deq, statement: s, rule: {kind: less, than: 1}, units: heads, "
    "computed_by: {notebook: 01_toy, key: psnr_gain}}"
)


def test_a_comparison_that_is_neither_is_named(made: Path):
    path = made / "book" / "runs" / "laptop" / "01_toy__biograph-mmr__dose1.numbers.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = {
        "psnr_gain": {"value": 1},
        "loss/a": {"value": 1},
        "b": {"value": 1, "compares": ["x", "y"]},
        "c": {"value": 2},
    }
    path.write_text(json.dumps(numbers), encoding="utf-8")
    (made / "data" / "claims.yml").write_text(CLAIM, encoding="utf-8")
    assert unjudged() == ["01_toy/b", "01_toy/loss/a"]
    (made / "data" / "excused.yml").write_text("- {id: 01_toy/loss/*, reason: a part of it}\n", encoding="utf-8")
    assert unjudged() == ["01_toy/b"]


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ("{id: 01_toy/b}", "01_toy/b: field 'reason' is missing"),
        ("{id: 01_toy/b, reason: ''}", "01_toy/b: field 'reason' is '': must be text"),
        ("x", "entry 1 must be a group of `field: value` lines"),
        ("{id: 1, reason: r}", "'id' is 1: must be text"),
    ],
)
def test_an_excuse_without_a_reason_is_refused(project: Path, card, says):
    (project / "data" / "excused.yml").write_text(f"- {card}\n", encoding="utf-8")
    with pytest.raises(CardError, match=r"^data/excused\.yml") as caught:
        excuses()
    assert says in str(caught.value)
