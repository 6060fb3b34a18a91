"""Read a tracer's card: every number beside its source, every fault named by its field."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from petrecon import paths
from petrecon.errors import CardError, ParameterError, did_you_mean
from petrecon.yaml_files import read_yaml


class Card:
    """A YAML mapping read field by field.

    Parameters
    ----------
    path : Path
        The file, named in every error.
    content : mapping
        Its parsed content.
    where : str
        Field that holds `content`, for errors.
    """

    def __init__(self, path: Path, content: Any, where: str = "") -> None:
        self.path, self.where = path, where
        if not isinstance(content, dict):
            raise self.fault(where or "the card", "must be a mapping of fields")
        self.content: dict[str, Any] = content

    def fault(self, name: str, text: str) -> CardError:
        """Return the error for a field."""
        return CardError(f"{self.path.name}: field {name!r} {text}")

    def full(self, name: str) -> str:
        """Return a field's name with that of the mapping that holds it."""
        return f"{self.where}.{name}" if self.where else name

    def get(self, name: str) -> Any:
        """Return a field's content."""
        if name not in self.content:
            raise self.fault(self.full(name), "is missing")
        return self.content[name]

    def part(self, name: str) -> Card:
        """Return a field that is itself a mapping."""
        return Card(self.path, self.get(name), self.full(name))

    def only(self, allowed: set[str]) -> None:
        """Refuse a field that is not among `allowed`."""
        for name in self.content:
            if name not in allowed:
                raise self.fault(self.full(str(name)), f"is not known.{did_you_mean(str(name), allowed)}")

    def text(self, name: str) -> str:
        """Return a field that is text."""
        value = self.get(name)
        if not isinstance(value, str) or not value.strip():
            raise self.fault(self.full(name), "must be text")
        return value

    def number(self, name: str, low: float, high: float) -> float:
        """Return the `value` of a field ``{value, source}``, a number in [low, high]."""
        entry = self.part(name)
        entry.text("source")
        return entry._bounded(entry.get("value"), low, high)

    def numbers(self, name: str, low: float, high: float, key: str = "value") -> tuple[float, ...]:
        """Return the list under `key` of a field ``{key, source}``, all numbers in [low, high]."""
        entry = self.part(name)
        entry.text("source")
        values = entry.get(key)
        if not isinstance(values, list) or not values:
            raise self.fault(f"{self.full(name)}.{key}", "must be a list of numbers")
        return tuple(entry._bounded(v, low, high) for v in values)

    def interval(self, name: str, low: float, high: float, key: str = "range") -> tuple[float, float]:
        """Return the interval under `key` of a field ``{key, source}``: two numbers, in order."""
        values = self.numbers(name, low, high, key)
        if len(values) != 2 or values[0] > values[1]:
            raise self.fault(f"{self.full(name)}.{key}", "must be two numbers, the smaller first")
        return values[0], values[1]

    def _bounded(self, value: Any, low: float, high: float) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self.fault(self.where, f"is {value!r}; it must be a number")
        if not low <= value <= high:
            raise self.fault(self.where, f"is {value}; it must lie between {low:g} and {high:g}")
        return float(value)


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


def read_tracer_card(name: str | Path, with_field: str) -> Card:
    """Read a card by name or path; `ParameterError` for an unknown name, `CardError` for a broken file."""
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        if not is_card(str(name), with_field):
            raise ParameterError(f"there is no tracer {str(name)!r}.{did_you_mean(str(name), card_names(with_field))}")
        path = paths.data_dir() / "tracers" / f"{name}.yaml"
    if not path.is_file():
        raise ParameterError(f"{path}: no such tracer card")
    return Card(path, read_yaml(path))
