"""What the cards of tracers have in common: every number beside its source, and the folder they lie in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, Field

from petrecon import paths
from petrecon.cards import Card, Text, load_card
from petrecon.errors import ParameterError, did_you_mean
from petrecon.phantoms.regions import REGIONS, TISSUES, base_name

Value = TypeVar("Value")
Model = TypeVar("Model", bound=Card)

Minutes = Annotated[float, Field(ge=0.01, le=1e7, description="a half-life in minutes")]
Spread = Annotated[float, Field(ge=0, le=0.5, description="a fraction; larger ones would make uptake negative")]
Activity = Annotated[float, Field(ge=0, le=10000, description="give kBq/mL")]

PLACES = frozenset({*TISSUES, *(r.name for r in REGIONS.values()), *(base_name(r.name) for r in REGIONS.values())})
"""What a card may give a number for: tissues, regions, and regions of either side."""


class Given(Card, Generic[Value]):
    """A number, or a list of numbers, with where it comes from."""

    value: Value
    source: Text


def _in_order(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError("must be two numbers, the smaller first")
    return pair


Span = Annotated[tuple[Value, Value], AfterValidator(_in_order)]
"""Two numbers between which one is drawn."""


class GivenSpan(Card, Generic[Value]):
    """Two numbers between which one is drawn, with where they come from."""

    range: Span[Value]
    source: Text


def card_names(with_field: str) -> list[str]:
    """Return the names of the cards in `data/tracers` that hold a field of that name at their left margin."""
    files = sorted((paths.data_dir() / "tracers").glob("*.yaml"))
    return [f.stem for f in files if _holds(f, with_field)]


def is_card(name: str, with_field: str) -> bool:
    """Tell whether `card_names` has this name, looking at no other card."""
    file = paths.data_dir() / "tracers" / f"{name}.yaml"
    return Path(name).name == name and file.is_file() and _holds(file, with_field)


def _holds(file: Path, with_field: str) -> bool:
    return f"\n{with_field}:" in f"\n{file.read_text(encoding='utf-8')}"


def read_tracer_card(model: type[Model], name: str | Path, with_field: str) -> Model:
    """Return a card of `data/tracers`, or a user's own.

    Parameters
    ----------
    model : type
        What the card must hold.
    name : str or Path
        A name in `data/tracers`, or the path of a card (ending in .yaml or .yml).
    with_field : str
        Field by which a card of this kind is known.

    Raises
    ------
    ParameterError
        If there is no such card; the nearest is named.
    CardError
        If a field is missing, unknown, out of bounds or without a source; the field is named.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        if not is_card(str(name), with_field):
            raise ParameterError(f"there is no tracer {str(name)!r}.{did_you_mean(str(name), card_names(with_field))}")
        path = paths.data_dir() / "tracers" / f"{name}.yaml"
    if not path.is_file():
        raise ParameterError(f"{path}: no such tracer card")
    return load_card(model, path)
