"""The published tables, figures and algorithms, and what became of each (`data/artefacts.yml`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from petrecon.compendium.book.claims import read_list
from petrecon.errors import CardError, did_you_mean

KINDS = ("table", "figure", "algorithm")
STATES = ("planned", "done", "substituted", "not-recoverable")
_FIELDS = {"id", "paper", "kind", "shows", "notebook", "state", "note"}


@dataclass(frozen=True)
class Artefact:
    """One table, figure or algorithm of a paper."""

    id: str
    paper: str
    kind: str
    shows: str
    state: str
    notebook: str = ""
    note: str = ""


def artefacts() -> list[Artefact]:
    """Return every artefact.

    Raises
    ------
    CardError
        If `data/artefacts.yml` is wrong; the message names the artefact and the field. A substituted or
        not-recoverable artefact must say in its note what stands in for what, and why.
    """
    return [_artefact(card) for card in read_list("artefacts.yml")]


def _artefact(card: dict[str, Any]) -> Artefact:
    where = f"data/artefacts.yml: {card['id']}"
    for field in card:
        if field not in _FIELDS:
            raise CardError(f"{where}: {field!r} is not a field.{did_you_mean(str(field), _FIELDS)}")
    for field, choices in (("kind", KINDS), ("state", STATES)):
        if card.get(field) not in choices:
            raise CardError(f"{where}: {field} {card.get(field)!r}.{did_you_mean(str(card.get(field)), choices)}")
    if not card.get("shows"):
        raise CardError(f"{where}: shows is missing")
    if card["state"] in ("substituted", "not-recoverable") and not card.get("note"):
        raise CardError(f"{where}: a {card['state']} artefact needs a note that says why")
    if card["state"] in ("done", "substituted") and not card.get("notebook"):
        raise CardError(f"{where}: a {card['state']} artefact needs its notebook")
    texts = {name: " ".join(str(card.get(name) or "").split()) for name in ("shows", "notebook", "note")}
    return Artefact(id=card["id"], paper=card["paper"], kind=card["kind"], state=card["state"], **texts)
