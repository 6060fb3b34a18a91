"""Read what another notebook's run left behind; the run read becomes an input of this one."""

from __future__ import annotations

from typing import Any

import numpy as np

from petrecon.compendium.reading import read_arrays, read_numbers
from petrecon.compendium.results import output_stem, uses
from petrecon.compendium.runs import Run, plan
from petrecon.errors import InputError, MissingError, did_you_mean


def load_numbers(notebook: str, **parameters: Any) -> dict[str, dict[str, Any]]:
    """Return the numbers another notebook recorded, by key: `value`, `unit`, `interval`, `samples`.

    Parameters
    ----------
    notebook : str
        Its number or name. List it under `needs` in `data/runs.yml`.
    **parameters
        The run's parameters that differ from that notebook's defaults; `profile` is this run's own by
        default.

    Raises
    ------
    MissingError
        If that run was not made, or its file is broken; the message names the command that makes it.
    """
    run = _run(notebook, parameters)
    return read_numbers(_file(run, "numbers"), run.command)


def load_array(key: str, notebook: str, **parameters: Any) -> np.ndarray:
    """Return an array that another notebook saved (see `load_numbers`).

    Raises
    ------
    MissingError, InputError
        If that run was not made, its file is broken, or it saved no such array.
    """
    run = _run(notebook, parameters)
    arrays = read_arrays(_file(run, "arrays"), run.command)
    if key not in arrays:
        hint = did_you_mean(key, [name for name in arrays if not name.endswith(".meta")])
        raise InputError(f"{run.stem} saved no array {key!r}.{hint}")
    return arrays[key]


def _run(notebook: str, parameters: dict[str, Any]) -> Run:
    return plan(notebook, {"profile": output_stem().parent.name, **parameters})


def _file(run: Run, kind: str) -> Any:
    path = run.path(kind)
    if not path.is_file():
        raise MissingError(f"{run.stem} has no {kind} yet: run `{run.command}` first")
    return uses(path)
