"""The run matrix: which notebook is run for which scanners and doses, in which order (`data/runs.yml`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from petrecon.cards import Card, Text, load_cards
from petrecon.compendium.runs.notebook_source import find
from petrecon.compendium.runs.profiles import profile_sizes
from petrecon.compendium.runs.run import Run, plan
from petrecon.errors import CardError, PetreconError, did_you_mean
from petrecon.paths import data_dir
from petrecon.profiles import PROFILES, Profile
from petrecon.provenance.files import kept_by_stamp, text_hash
from petrecon.provenance.reads import note, unnoticed

Page = Literal["chapter", "gallery", "none"]


class Row(Card):
    """One entry of `data/runs.yml`: a notebook, and for which parameters it is run.

    Attributes
    ----------
    parameters : mapping
        Name → value, in every run.
    cross : mapping
        Name → list of values; there is a run for every combination, the last name varying fastest. Several names,
        `source, target`, vary together over a list of lists. In place of a list, `12_name.key` is the list that
        `data/profiles.yml` holds for that notebook.
    profiles : tuple of str
        In which it is run; in all when left out.
    needs : tuple of str
        Notebooks whose results it reads.
    page : {"chapter", "gallery", "none"}
        Where the book shows it.
    """

    notebook: Text
    page: Page = "chapter"
    needs: tuple[Text, ...] = ()
    profiles: tuple[Profile, ...] = PROFILES
    parameters: dict[str, Any] = Field(default_factory=dict)
    cross: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One run of the matrix, the notebooks whose results it reads, and where the book shows it."""

    run: Run
    needs: tuple[str, ...] = ()
    page: Page = "chapter"


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
    rows = [entry for number, row in enumerate(_rows(), 1) for entry in _expand(row, number, profile)]
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

    Parameters
    ----------
    notebook : str
        Its number or name.
    profile : {"quick", "laptop", "paper"}

    Returns
    -------
    list of dict
        Name → value of every parameter, `profile` too, one dict per run.

    Raises
    ------
    CardError, InputError
        If there is no such notebook, or its entries in `data/runs.yml` are wrong.
    """
    with unnoticed():
        name = find(notebook).name
        rows = [(number, row) for number, row in enumerate(_rows(), 1) if row.notebook == name]
        found = [dict(e.run.parameters) for number, row in rows for e in _expand(row, number, profile)]
    note(f"runs of {name} in {profile}", text_hash(json.dumps(found)))
    return found


def _rows() -> list[Row]:
    path = data_dir() / "runs.yml"
    if not path.is_file():
        raise CardError("data/runs.yml is missing: restore it from the repository")
    return _read(path)


@kept_by_stamp
def _read(path: Path) -> list[Row]:
    return load_cards(Row, path, "data/runs.yml")


def _expand(row: Row, number: int, profile: str) -> list[Entry]:
    if profile not in row.profiles:
        return []
    try:
        source = find(row.notebook)
        needs = tuple(find(name).name for name in row.needs)
        given = [{**row.parameters, **values, "profile": profile} for values in _combinations(row.cross, profile)]
        return [Entry(plan(source, parameters), needs, row.page) for parameters in given]
    except PetreconError as error:
        raise CardError(f"data/runs.yml, entry {number} ({row.notebook}): {error}") from None


def _combinations(cross: dict[str, Any], profile: str) -> Iterator[dict[str, Any]]:
    """Yield the parameters of every combination of crossed values."""
    axes = []
    for key, given in cross.items():
        names = [name.strip() for name in key.split(",")]
        values = _sizes_named(given, profile) if isinstance(given, str) else given
        if not isinstance(values, list | tuple) or not values:
            raise CardError(f"cross.{key} is {given!r}: give a list, or notebook.key for one in data/profiles.yml")
        sets = [value if len(names) > 1 else (value,) for value in values]
        if not all(isinstance(value, list | tuple) and len(value) == len(names) for value in sets):
            raise CardError(f"cross.{key} needs lists of {len(names)} values, one for each name")
        axes.append([dict(zip(names, value, strict=True)) for value in sets])
    for chosen in product(*axes):
        yield {name: value for part in chosen for name, value in part.items()}


def _sizes_named(reference: str, profile: str) -> Any:
    """Return a list of `data/profiles.yml` by `notebook.key`."""
    notebook, _, key = reference.rpartition(".")
    sizes = profile_sizes(notebook, profile)
    if key not in sizes:
        raise CardError(f"data/profiles.yml has no {reference!r} in {profile}.{did_you_mean(key, sizes)}")
    return sizes[key]


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
