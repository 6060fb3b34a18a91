"""The claims under test (`data/claims.yml`) and the rules that decide them from a number and its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from petrecon.errors import CardError, did_you_mean
from petrecon.metrics.intervals import FEWEST, KINDS, count_units, singular
from petrecon.paths import data_dir
from petrecon.yaml_files import read_yaml

PAPERS = ("petite", "ddip", "deq", "petct-fm", "uda-psma", "decade", "fed-ndif", "madm", "foundations")
PROFILES = ("quick", "laptop", "paper")
_RULES = {"less": {"than", "margin"}, "greater": {"than", "margin"}, "within": {"low", "high"}}
_FIELDS = {"id", "paper", "statement", "paper_value", "computed_by", "rule", "units", "profile", "note"}
EXACT = "exact"
"""What a claim speaks of that needs no interval: a count, or an identity that holds or does not."""


@dataclass(frozen=True)
class Claim:
    """A statement that a computed number can bear out or not, about some kind of units (patients, scanners, …)."""

    id: str
    paper: str
    statement: str
    paper_value: str
    rule: Mapping[str, Any]
    units: str
    computed_by: Mapping[str, Any] | None = None
    profile: str = "quick"
    note: str = ""


class Verdict(NamedTuple):
    """`holds`, `fails` or `undecided`, and why it is undecided."""

    word: str
    reason: str = ""


def claims() -> list[Claim]:
    """Return every claim.

    Raises
    ------
    CardError
        If `data/claims.yml` is wrong; the message names the claim and the field.
    """
    return [_claim(card, number) for number, card in enumerate(read_list("claims.yml"), 1)]


def rule_bounds(rule: Mapping[str, Any]) -> tuple[float, float]:
    """Return the open interval of values for which a rule holds.

    `{kind: less, than: 2}`: below 2. `{kind: less, margin: 0.5}`: below −0.5, for a difference that should be
    negative by at least 0.5. `{kind: greater, …}` mirrors both. `{kind: within, low: 1, high: 3}`: from 1 to
    3, ends included.
    """
    if rule["kind"] == "less":
        return -math.inf, float(rule["than"] if "than" in rule else -rule.get("margin", 0))
    if rule["kind"] == "greater":
        return float(rule["than"] if "than" in rule else rule.get("margin", 0)), math.inf
    return float(rule["low"]), float(rule["high"])


def verdict(claim: Claim, number: Mapping[str, Any]) -> Verdict:
    """Return whether a recorded number bears a claim out.

    The whole interval must satisfy the rule for the claim to hold, and all of it violate the rule for the claim to
    fail. It must be an interval over what the claim speaks of, of five or more of them; only what the claim calls
    exact is decided by a value alone.

    Parameters
    ----------
    claim : Claim
    number : mapping
        As `record` wrote it: value, and where declared kind, units and interval.
    """
    value = number["value"]
    if isinstance(value, (bool, str)):
        return Verdict("undecided", "what was recorded is no number")
    reason = _unfit(claim, number)
    if reason:
        return Verdict("undecided", reason)
    low, high = (value, value) if claim.units == EXACT else number["interval"]
    word = decide(claim.rule, float(low), float(high))
    return Verdict(word, "the interval lies on both sides of the bound" if word == "undecided" else "")


def decide(rule: Mapping[str, Any], low: float, high: float) -> str:
    """Return `holds`, `fails` or `undecided` for an interval; see `bounds` for the rule."""
    least, most = rule_bounds(rule)
    closed = rule["kind"] == "within"

    def inside(x: float) -> bool:
        return least <= x <= most if closed else least < x < most

    if inside(low) and inside(high):
        return "holds"
    outside = high < least or low > most if closed else high <= least or low >= most
    return "fails" if outside else "undecided"


def _unfit(claim: Claim, number: Mapping[str, Any]) -> str:
    """Return why a number cannot decide a claim, or nothing if it can."""
    kind, units = number.get("kind"), number.get("units") or {}
    if kind is None and not units:
        return "recorded before units were declared"
    if kind is not None and kind not in KINDS:
        return f"an interval of unknown kind {kind!r}"
    if claim.units == EXACT:
        return "" if kind == EXACT else f"the claim is about an exact number, not about {count_units(units)}"
    if kind == EXACT:
        return f"recorded as exact, the claim speaks of {claim.units}"
    outermost, count = next(iter(units.items()), ("", 0))
    if outermost != claim.units:
        return f"the interval is over {outermost}, the claim speaks of {claim.units}"
    if count < FEWEST:
        return f"{count} {claim.units if count != 1 else singular(claim.units)}, and it takes {FEWEST}"
    return "" if number.get("interval") else "no interval"


def read_list(name: str) -> list[dict[str, Any]]:
    """Return the entries of a YAML list in `data/`; an empty list when there is no such file."""
    path = data_dir() / name
    if not path.is_file():
        return []
    cards = read_yaml(path, f"data/{name}") or []
    if not isinstance(cards, list) or not all(isinstance(card, dict) for card in cards):
        raise CardError(f"data/{name} must be a list of entries")
    ids = [card.get("id") for card in cards]
    for number, (card, ident) in enumerate(zip(cards, ids, strict=True), 1):
        if not isinstance(ident, str) or not ident:
            raise CardError(f"data/{name}: entry {number} has no id")
        if ident in ids[: number - 1]:
            raise CardError(f"data/{name}: {ident} is there twice")
        if card.get("paper") not in PAPERS:
            paper = str(card.get("paper"))
            raise CardError(f"data/{name}: {ident}: paper {paper!r}.{did_you_mean(paper, PAPERS)}")
    return cards


def _claim(card: dict[str, Any], number: int) -> Claim:
    where = f"data/claims.yml: {card['id']}"
    for field in card:
        if field not in _FIELDS:
            raise CardError(f"{where}: {field!r} is not a field.{did_you_mean(str(field), _FIELDS)}")
    for field in ("statement", "rule"):
        if not card.get(field):
            raise CardError(f"{where}: {field} is missing")
    units = card.get("units")
    if not isinstance(units, str) or not units:
        raise CardError(f"{where}: units must say what the claim speaks of: patients, scanners, …, or {EXACT}")
    rule = _rule(where, card["rule"])
    computed = card.get("computed_by")
    if computed is not None and not (isinstance(computed, dict) and {"notebook", "key"} <= computed.keys()):
        raise CardError(f"{where}: computed_by needs notebook and key, or is null")
    if card.get("profile", "quick") not in PROFILES:
        raise CardError(f"{where}: profile must be one of {', '.join(PROFILES)}")
    paper_value = card.get("paper_value")
    if isinstance(paper_value, (list, dict)):
        raise CardError(f"{where}: paper_value must be a text or a number, got {paper_value}")
    return Claim(
        id=card["id"],
        paper=card["paper"],
        statement=" ".join(str(card["statement"]).split()),
        paper_value="" if paper_value is None else str(paper_value),
        rule=rule,
        units=units,
        computed_by=computed,
        profile=card.get("profile", "quick"),
        note=" ".join(str(card.get("note") or "").split()),
    )


def _rule(where: str, rule: Any) -> Mapping[str, Any]:
    """Return a rule that can decide; errors name the claim."""
    kind = rule.get("kind") if isinstance(rule, dict) else None
    if kind not in _RULES:
        raise CardError(f"{where}: rule.kind {kind!r}.{did_you_mean(str(kind), _RULES)}")
    for field, number in rule.items():
        if field == "kind":
            continue
        if field not in _RULES[kind]:
            raise CardError(f"{where}: rule.{field} is not a field of {kind}.{did_you_mean(str(field), _RULES[kind])}")
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
            raise CardError(f"{where}: rule.{field} must be a number, got {number!r}")
    if kind == "within" and not ("low" in rule and "high" in rule and rule["low"] <= rule["high"]):
        raise CardError(f"{where}: rule.within needs low and high, low not above high")
    if kind != "within" and len(rule) != 2:
        raise CardError(f"{where}: a rule of kind {kind} needs one bound, than or margin")
    if rule.get("margin", 0) < 0:
        raise CardError(f"{where}: rule.margin is a size, not below zero, got {rule['margin']}")
    return dict(rule)
