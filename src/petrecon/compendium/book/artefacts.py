"""The published tables, figures and algorithms, and what became of each (`data/artefacts.yml`)."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import model_validator

from petrecon.cards import Card, Fault, Note, OneLine, Text, load_cards
from petrecon.compendium.book.claims import Paper
from petrecon.paths import data_dir

State = Literal["planned", "done", "substituted", "not-recoverable"]
STATES: tuple[str, ...] = get_args(State)


class Artefact(Card):
    """One table, figure or algorithm of a paper."""

    id: Text
    paper: Paper
    kind: Literal["table", "figure", "algorithm"]
    shows: OneLine
    state: State
    notebook: Note = ""
    note: Note = ""

    @model_validator(mode="after")
    def _check_state(self) -> Artefact:
        if self.state in ("substituted", "not-recoverable") and not self.note:
            raise Fault("note", f"is missing: a {self.state} artefact needs a note that says why")
        if self.state in ("done", "substituted") and not self.notebook:
            raise Fault("notebook", f"is missing: a {self.state} artefact needs its notebook")
        return self


def artefacts() -> list[Artefact]:
    """Return every artefact.

    Raises
    ------
    CardError
        If `data/artefacts.yml` is wrong; the message names the artefact and the field. A substituted or
        not-recoverable artefact must say in its note what stands in for what, and why.
    """
    return load_cards(Artefact, data_dir() / "artefacts.yml", "data/artefacts.yml")
