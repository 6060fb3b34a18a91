"""The run matrix: which notebook is run for which scanners and doses, in which order (`data/runs.yml`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import product
from pathlib import Path
from typing import Any

from petrecon.compendium.runs.notebook_source import find
from petrecon.compendium.runs.run import Run, plan
from petrecon.errors import CardError, PetreconError, did_you_mean
from petrecon.paths import data_dir
from petrecon.provenance.files import kept_by_stamp, text_hash
from petrecon.provenance.reads import note, unnoticed
from petrecon.yaml_files import read_yaml

PAGES = ("chapter", "gallery", "none")
_FIELDS = {"notebook", "scanners", "doses", "parameters", "profiles", "needs", "page"}


@dataclass(frozen=True)
class Entry:
    """One run of the matrix, the notebooks whose results it reads, and where the book shows it."""

    run: Run
    needs: tuple[str, ...] = ()
    page: str = "chapter"


def matrix(profile: str, only: str | None = None) -> list[Entry]:
    """Return the runs of a profile, each after those it needs.

    Parameters
    ----------
    profile : str
        quick, laptop or paper.
    only : str, optional
        A notebook: its runs, and those they need.

    Raises
    ------
    CardError
        If `data/runs.yml` is wrong: an unknown field, notebook or page, a parameter that is not valid, needs
        that go in a circle, or the same run twice.
    """
    rows = [row for number, card in enumerate(_cards(), 1) for row in _expand(card, number, profile)]
    twice = _first_repeated([row.run.stem for row in rows])
    if twice:
        raise CardError(f"data/runs.yml lists {twice} twice")
    needs: dict[str, set[str]] = {}
    for row in rows:
        needs.setdefault(row.run.notebook, set()).update(row.needs)
    for notebook, wanted in needs.items():
        for name in sorted(wanted - needs.keys()):
            raise CardError(f"data/runs.yml: {notebook} needs {name}, which has no run in the {profile} profile")
    try:
        order = list(TopologicalSorter({n: sorted(w) for n, w in sorted(needs.items())}).static_order())
    except CycleError as error:
        raise CardError(f"data/runs.yml: needs go in a circle: {' → '.join(error.args[1])}") from None
    if only:
        kept = _with_needs(find(only).name, needs)
        order = [name for name in order if name in kept]
    return [row for name in order for row in rows if row.run.notebook == name]


def planned_runs(notebook: str, profile: str) -> list[dict[str, Any]]:
    """Return the parameters of every run of a notebook that `data/runs.yml` lists for a profile, in its order.

    In a notebook that reads those runs this is the list to go through: a scanner card that nobody asked to run does
    not belong to it. The list becomes an input of the run.

    Raises
    ------
    CardError, InputError
        If there is no such notebook, or its entries in `data/runs.yml` are wrong.
    """
    with unnoticed():
        name = find(notebook).name
        cards = [(number, card) for number, card in enumerate(_cards(), 1) if card["notebook"] == name]
        found = [dict(e.run.parameters) for number, card in cards for e in _expand(card, number, profile)]
    note(f"runs of {name} in {profile}", text_hash(json.dumps(found)))
    return found


def _cards() -> list[dict[str, Any]]:
    path = data_dir() / "runs.yml"
    if not path.is_file():
        raise CardError("data/runs.yml is missing: restore it from the repository")
    return _read(path)


@kept_by_stamp
def _read(path: Path) -> list[dict[str, Any]]:
    cards = read_yaml(path, "data/runs.yml") or []
    if not isinstance(cards, list) or not all(isinstance(card, dict) and "notebook" in card for card in cards):
        raise CardError("data/runs.yml must be a list of entries, each with a notebook")
    return cards


def _expand(card: dict[str, Any], number: int, profile: str) -> list[Entry]:
    where = f"data/runs.yml, entry {number} ({card['notebook']})"
    for name in card:
        if name not in _FIELDS:
            raise CardError(f"{where}: {name!r} is not a field.{did_you_mean(str(name), _FIELDS)}")
    page = card.get("page", "chapter")
    if page not in PAGES:
        raise CardError(f"{where}: page {page!r}.{did_you_mean(str(page), PAGES)}")
    if profile not in card.get("profiles", ["quick", "laptop", "paper"]):
        return []
    lists = {"scanner": card.get("scanners"), "dose": card.get("doses")}
    varied = {name: values for name, values in lists.items() if values}
    try:
        source = find(str(card["notebook"]))
        needs = tuple(find(str(name)).name for name in card.get("needs") or ())
        runs = [
            plan(
                source,
                {
                    **(card.get("parameters") or {}),
                    **dict(zip(varied, values, strict=True)),
                    "profile": profile,
                },
            )
            for values in product(*varied.values())
        ]
    except PetreconError as error:
        raise CardError(f"{where}: {error}") from None
    return [Entry(run, needs, page) for run in runs]


def _with_needs(name: str, needs: dict[str, set[str]]) -> set[str]:
    if name not in needs:
        raise CardError(f"data/runs.yml has no run of {name}: run it alone with `petrecon run {name}`")
    kept, todo = set(), [name]
    while todo:
        kept.add(current := todo.pop())
        todo += needs[current] - kept
    return kept


def _first_repeated(words: list[str]) -> str | None:
    seen: set[str] = set()
    for word in words:
        if word in seen:
            return word
        seen.add(word)
    return None
