"""The claims under test (`data/claims.yml`) and the rules that decide them from a number and its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, cast

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from petrecon.cards import Card, Fault, Note, OneLine, Text, load_cards
from petrecon.errors import did_you_mean
from petrecon.metrics.intervals import FEWEST, KINDS, count_units, singular
from petrecon.paths import data_dir
from petrecon.profiles import Profile

Paper = Literal["petite", "ddip", "deq", "petct-fm", "uda-psma", "decade", "fed-ndif", "madm", "foundations"]
_BOUNDS = {"less": ("than", "margin"), "greater": ("than", "margin"), "within": ("low", "high")}
EXACT = "exact"
"""What a claim speaks of that needs no interval: a count, or an identity that holds or does not."""


class Rule(Card):
    """What decides a claim.

    `{kind: less, than: 2}`: below 2. `{kind: less, margin: 0.5}`: below −0.5, for a difference that should be
    negative by at least 0.5. `{kind: greater, …}` mirrors both. `{kind: within, low: 1, high: 3}`: from 1 to
    3, ends included.
    """

    kind: Literal["less", "greater", "within"]
    than: float | None = None
    margin: Annotated[float, Field(ge=0, description="a size, not below zero")] | None = None
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _check_bounds(self) -> Rule:
        own = _BOUNDS[self.kind]
        for field in sorted(self.model_fields_set - {"kind", *own}):
            raise Fault(field, f"is not a field of {self.kind}.{did_you_mean(field, own)}")
        if self.kind != "within":
            if (self.than is None) == (self.margin is None):
                raise Fault("", f"of kind {self.kind} needs one bound, than or margin")
        elif self.low is None or self.high is None or self.low > self.high:
            raise Fault("", "of kind within needs low and high, low not above high")
        return self


class ComputedBy(Card):
    """Notebook and key of the number that decides a claim; every further field is a parameter of the run."""

    model_config = ConfigDict(extra="allow")

    notebook: Text
    key: Text

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the run, by name."""
        return dict(self.model_extra or {})


class Claim(Card):
    """A statement that a computed number can bear out or not, about some kind of units (patients, scanners, …)."""

    id: Text
    paper: Paper
    statement: OneLine
    paper_value: Annotated[
        str,
        BeforeValidator(lambda given: "" if given is None else str(given) if isinstance(given, int | float) else given),
        Field(description="or a number"),
    ] = ""
    rule: Rule
    units: Text = Field(description=f"what the claim speaks of: patients, scanners, …, or {EXACT}")
    computed_by: ComputedBy | None = None
    profile: Profile = "quick"
    note: Note = ""


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
    return load_cards(Claim, data_dir() / "claims.yml", "data/claims.yml")


def rule_bounds(rule: Rule) -> tuple[float, float]:
    """Return the interval of values for which a rule holds; its ends belong to it for the kind `within` alone."""
    if rule.kind == "within":
        return cast(float, rule.low), cast(float, rule.high)
    end = rule.than if rule.than is not None else cast(float, rule.margin)
    if rule.kind == "less":
        return -math.inf, end if rule.than is not None else -end
    return end, math.inf


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


def decide(rule: Rule, low: float, high: float) -> str:
    """Return `holds`, `fails` or `undecided` for an interval; see `bounds` for the rule."""
    least, most = rule_bounds(rule)
    closed = rule.kind == "within"

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
