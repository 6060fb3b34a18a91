"""Read what another notebook's run left behind; the run read becomes an input of this one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from petrecon.compendium.notebook.by_hand import by_hand, profile
from petrecon.compendium.notebook.record import output_stem, track_input
from petrecon.compendium.notebook.shown import show_markdown
from petrecon.compendium.runs.reading import read_arrays, read_numbers
from petrecon.compendium.runs.run import Run, plan
from petrecon.errors import InputError, MissingError, did_you_mean

PUBLISHED = "laptop"
_chosen: dict[tuple[str, str], str] = {}


def load_numbers(notebook: str, **parameters: Any) -> dict[str, dict[str, Any]]:
    """Return the numbers another notebook recorded, by key: `value`, `unit`, `interval`, `samples`.

    Parameters
    ----------
    notebook : str
        Its number or name. List it under `needs` in `data/runs.yml`.
    **parameters
        The run's parameters that differ from that notebook's defaults; `profile` is this run's own by
        default. By hand, the published (laptop) runs stand in for those that were not made, and a note
        says so.

    Raises
    ------
    MissingError
        If that run was not made, or its file is broken; the message names the command that makes it.
    """
    run = _run(notebook, parameters, "numbers")
    return read_numbers(_file(run, "numbers"), run.command)


def load_array(key: str, notebook: str, **parameters: Any) -> np.ndarray:
    """Return an array that another notebook saved.

    Parameters
    ----------
    key : str
        Under which it was saved.
    notebook, **parameters
        As in `load_numbers`.

    Raises
    ------
    MissingError, InputError
        If that run was not made, its file is broken, or it saved no such array.
    """
    run = _run(notebook, parameters, "arrays")
    arrays = read_arrays(_file(run, "arrays"), run.command)
    if key not in arrays:
        hint = did_you_mean(key, [name for name in arrays if not name.endswith(".meta")])
        raise InputError(f"{run.stem} saved no array {key!r}.{hint}")
    return arrays[key]


def _run(notebook: str, parameters: dict[str, Any], kind: str) -> Run:
    if not by_hand():
        return plan(notebook, {"profile": output_stem().parent.name, **parameters})
    return _or_published(plan(notebook, {"profile": profile(), **parameters}), kind)


def _or_published(run: Run, kind: str) -> Run:
    """Return the run, or the published one where it was not made.

    The first run of a notebook that is read decides for all of them until the kernel ends: a page never mixes
    the runs of two profiles.
    """
    published = _of_profile(run, PUBLISHED)
    asked = (run.notebook, run.profile)
    if asked not in _chosen:
        own, other = run.path(kind).is_file(), published.path(kind).is_file()
        if not own and other and run.profile != PUBLISHED:
            _chosen[asked] = PUBLISHED
            show_markdown(
                f"**Read from the published {PUBLISHED} runs of {run.notebook}**, for it was not run here with profile "
                f"`{run.profile}`, which this page draws and computes with: sizes and grids may not fit. "
                f'Set `profile = "{PUBLISHED}"`, or make your own runs (`{run.command}`) and restart the kernel.'
            )
        elif own:
            _chosen[asked] = run.profile
    return _of_profile(run, _chosen.get(asked, run.profile))


def _of_profile(run: Run, profile: str) -> Run:
    return replace(run, parameters={**run.parameters, "profile": profile})


def _file(run: Run, kind: str) -> Path:
    path = run.path(kind)
    if not path.is_file():
        raise MissingError(f"{run.stem} has no {kind} yet: run `{run.command}` first")
    return track_input(path)
