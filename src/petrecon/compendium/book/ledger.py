"""The ledger: for every claim, what the paper says, the published run, your run, and the verdicts."""

from __future__ import annotations

import os
from typing import Any

from petrecon.compendium.book.claims import Claim, ComputedBy, claims, verdict
from petrecon.compendium.runs.reading import read_numbers
from petrecon.compendium.runs.receipts import Known, receipt_of, status
from petrecon.compendium.runs.run import Run, plan
from petrecon.errors import CardError, MissingError, PetreconError, did_you_mean
from petrecon.paths import book_dir, root
from petrecon.profiles import PROFILES
from petrecon.provenance.atomic import write_json

PUBLISHED = "laptop"
_SHOWN = ("id", "paper", "statement", "paper_value", "units", "profile", "note")


def ledger(profile: str = "quick") -> dict[str, Any]:
    """Return every claim with value and verdict of the published (laptop) run and of `profile`'s.

    A value is `{value, interval, kind, units, unit, verdict, reason, run, state, command, note}`; the verdict is
    `holds`, `fails`, `undecided` (with the reason) or `not run yet` (when a receipt or its numbers are broken,
    `broken` says so and names the cure); `indicative` is true when the run is smaller than the claim's `profile` asks
    for.

    Raises
    ------
    CardError
        If a claim names a notebook or a parameter that is not there.
    """
    rows, known = [], Known()
    for claim in claims():
        row = {name: getattr(claim, name) for name in _SHOWN}
        row["published"] = _entry(claim, PUBLISHED, known)
        row["yours"] = _entry(claim, profile, known)
        rows.append(row)
    return {"published": PUBLISHED, "yours": profile, "claims": rows}


def write_ledger(profile: str = "quick") -> dict[str, Any]:
    """Compute the ledger and write it to `book/runs/ledger.json`, at once or not at all; return it."""
    content = ledger(profile)
    folder = book_dir() / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "ledger.json", content, sort=False)
    return content


def counts(content: dict[str, Any], whose: str = "yours") -> dict[str, int]:
    """Return how many claims hold, fail, are undecided or were not run."""
    found = [row[whose]["verdict"] for row in content["claims"]]
    return {word: found.count(word) for word in ("holds", "fails", "undecided", "not run yet")}


def broken(content: dict[str, Any]) -> list[str]:
    """Return, once each, the files that could not be read, with their cure."""
    return list(
        dict.fromkeys(
            row[who]["broken"] for row in content["claims"] for who in ("published", "yours") if "broken" in row[who]
        )
    )


def _short(error: PetreconError) -> str:
    return str(error).replace(f"{root()}{os.sep}", "")


def _entry(claim: Claim, profile: str, known: Known) -> dict[str, Any]:
    if claim.computed_by is None:
        return {"verdict": "not run yet", "note": "no notebook computes it yet"}
    try:
        run = _run(claim.computed_by, profile)
    except PetreconError as error:
        raise CardError(f"data/claims.yml: {claim.id}: {error}") from None
    try:
        receipt = receipt_of(run)
        if receipt is None or "numbers" not in receipt["outputs"]:
            return {"verdict": "not run yet", "run": run.stem, "command": run.command}
        numbers = read_numbers(run.path("numbers"), run.command)
    except MissingError as error:
        return {"verdict": "not run yet", "run": run.stem, "command": run.command, "broken": _short(error)}
    key = claim.computed_by.key
    if key not in numbers:
        note = f"{run.stem} recorded no {key!r}.{did_you_mean(key, numbers)}"
        return {"verdict": "not run yet", "run": run.stem, "command": run.command, "note": note}
    number = numbers[key]
    decided = verdict(claim, number)
    entry = {
        "value": number["value"],
        "interval": number.get("interval"),
        "kind": number.get("kind", ""),
        "units": number.get("units", {}),
        "unit": number.get("unit", ""),
        "verdict": decided.word,
        "reason": decided.reason,
        "run": run.stem,
        "command": run.command,
        "state": str(status(run, known=known)),
        "note": number.get("note", ""),
    }
    if PROFILES.index(profile) < PROFILES.index(claim.profile):
        entry["indicative"] = True
    return entry


def _run(computed_by: ComputedBy, profile: str) -> Run:
    return plan(computed_by.notebook, {**computed_by.parameters, "profile": profile})
