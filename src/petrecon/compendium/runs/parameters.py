"""What a notebook declares in its `parameters` cell, and the check of what a user gives."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from petrecon.compendium.runs.notebook_source import NotebookSource
from petrecon.compendium.runs.vocabulary import Value, vocabulary
from petrecon.errors import CardError, ParameterError, did_you_mean

DEFAULT_PROFILE = "quick"

TABLE, ASSUMED = "label_table", "freesurfer"
"""The parameter that goes with a label map of one's own, in every notebook that takes an anatomy; and its default."""


def declared(source: NotebookSource, *, look_up: bool = False) -> dict[str, Value]:
    """Return the parameters a notebook declares, with their defaults, in order.

    Parameters
    ----------
    source : Source
        The notebook. Its cell tagged `parameters` holds annotated assignments only: `dose: float = 1.0`.
    look_up : bool
        True also checks defaults against lists that have to be looked up.

    Raises
    ------
    CardError
        If the cell holds something else, a name that is not in the vocabulary, the wrong type, or a bad
        default.
    """
    cells = [cell for cell in source.cells if "parameters" in cell.tags]
    if not cells:
        return {}
    where = source.path.name
    if len(cells) > 1:
        raise CardError(f"{where} has {len(cells)} cells tagged parameters: keep one")
    try:
        body = ast.parse(cells[0].text).body
    except SyntaxError as error:
        raise CardError(f"{where}: the parameters cell is not valid Python: {error.msg}") from None
    known, found = vocabulary(), {}
    for node in body:
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value):
            raise CardError(f"{where}: write every parameter as 'name: type = default', not {ast.unparse(node)!r}")
        name = node.target.id
        if name not in known:
            raise CardError(f"{where}: parameter {name} is not in data/parameters.yml.{did_you_mean(name, known)}")
        card = known[name]
        if ast.unparse(node.annotation) != card.type:
            raise CardError(f"{where}: {name} is of type {card.type}, not {ast.unparse(node.annotation)}")
        try:
            found[name] = card.check(ast.literal_eval(node.value), look_up=look_up)
        except (ValueError, ParameterError) as error:
            raise CardError(f"{where}: the default of {name} is not valid: {error}") from None
    return found


def resolve(source: NotebookSource, given: Mapping[str, Any]) -> dict[str, Value]:
    """Return every parameter of a run: what was given, checked, and the notebook's defaults for the rest.

    Parameters
    ----------
    source : Source
        The notebook.
    given : mapping
        Names and values, as text or typed. `profile` is always accepted, and `label_table` beside a label map of the
        user's own.

    Returns
    -------
    dict
        `profile` first, then the notebook's own parameters in their order.

    Raises
    ------
    ParameterError
        For an unknown name, a wrong type, a value out of range or not among the choices: one line each.
    """
    defaults = declared(source)
    allowed = {"profile": DEFAULT_PROFILE, **defaults}
    if "anatomy" in allowed and TABLE in given:
        allowed[TABLE] = ASSUMED
    known = vocabulary()
    for name in given:
        if name in allowed:
            continue
        if name in known:
            raise ParameterError(f"{source.name} has no parameter {name!r}; it has {', '.join(allowed)}.")
        raise ParameterError(f"there is no parameter {name!r}.{did_you_mean(name, allowed)}")
    found = {}
    for name, default in allowed.items():
        found[name] = known[name].check(given.get(name, default))
    if TABLE in found and TABLE not in defaults:
        _check_table(found)
    return found


def _check_table(found: dict[str, Value]) -> None:
    """Refuse a label table without a map of the user's own; drop the one that is assumed anyway."""
    if not str(found["anatomy"]).endswith((".nii", ".nii.gz")):
        raise ParameterError(
            f"{TABLE} says what the numbers of your own label map mean: give it with --anatomy my.nii.gz, not with "
            f"{found['anatomy']}"
        )
    if found[TABLE] == ASSUMED:
        del found[TABLE]


def injected(source: NotebookSource, parameters: Mapping[str, Value]) -> dict[str, Value]:
    """Return what a notebook's parameters cell is given: those it declares; a label map and its table as one word."""
    own = declared(source)
    found = {name: value for name, value in parameters.items() if name in own}
    if TABLE in parameters and TABLE not in own:
        found["anatomy"] = f"{parameters['anatomy']}+{parameters[TABLE]}"
    return found
