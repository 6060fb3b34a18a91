"""The vocabulary of notebook parameters (`data/parameters.yml`), and how a value is checked."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import PlainValidator

from petrecon.cards import Card, Text, load_card
from petrecon.errors import CardError, ParameterError, did_you_mean
from petrecon.paths import data_dir, why_no_file
from petrecon.profiles import PROFILES
from petrecon.provenance.wheels import HEADS
from petrecon.yaml_files import read_yaml

Value = str | int | float | bool

_TAKES = {"str": "a word", "int": "a whole number", "float": "a number", "bool": "true or false"}
_LISTS = {"scanners", "tracers", "anatomies", "profiles"}


@dataclass(frozen=True)
class Bounds:
    """An interval of numbers, open or closed at either end."""

    low: float
    high: float
    text: str

    @classmethod
    def parse(cls, text: str) -> Bounds:
        """Read `"(0, 4]"`; raise ValueError when it is not an interval."""
        found = re.fullmatch(r"([\[(])\s*([^,]+),\s*([^,]+)([\])])", text.strip())
        if not found:
            raise ValueError(f"{text!r} is not an interval such as '(0, 4]'")
        return cls(float(found[2]), float(found[3]), text.strip())

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.text[0] == "(" else value >= self.low
        below = value < self.high if self.text[-1] == ")" else value <= self.high
        return above and below


def _read_bounds(text: Any) -> Bounds:
    return Bounds.parse(str(text))


def _read_choices(given: Any) -> tuple[str, ...] | str:
    if isinstance(given, str) and given not in _LISTS:
        raise ValueError(f"not a list that can be looked up.{did_you_mean(given, _LISTS)}")
    return given if isinstance(given, str) else tuple(map(str, given))


class Parameter(Card):
    """One entry of the vocabulary."""

    name: Text
    type: Literal["str", "int", "float", "bool"]
    help: Text
    unit: str = ""
    range: Annotated[Bounds | None, PlainValidator(_read_bounds)] = None
    choices: Annotated[tuple[str, ...] | str, PlainValidator(_read_choices)] = ()
    files: tuple[str, ...] = ()
    cost: str = ""

    def words(self) -> list[str]:
        """Return the valid words; an empty list when any word will do."""
        if isinstance(self.choices, str):
            return _look_up(self.choices)
        return list(self.choices)

    def convert(self, value: Any) -> Value:
        """Return `value` (often the text typed at the command line) as this parameter's type.

        Raises
        ------
        ParameterError
            If it is not of the type, or not finite.
        """
        wrong = ParameterError(f"{self.name} takes {_TAKES[self.type]}, got {value!r}")
        text = value.strip() if isinstance(value, str) else value
        if self.type == "str":
            if not isinstance(text, str) or not text:
                raise wrong
            return text
        if self.type == "bool":
            known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
            if isinstance(text, bool):
                return text
            if str(text).lower() not in known:
                raise wrong
            return known[str(text).lower()]
        if isinstance(text, bool):
            raise wrong
        if self.type == "int" and not isinstance(text, float):
            with suppress(TypeError, ValueError):
                return int(text)
        try:
            number = float(text)
        except (TypeError, ValueError, OverflowError):
            raise wrong from None
        if not math.isfinite(number):
            raise ParameterError(f"{self.name} must be finite, got {value}")
        if self.type == "float":
            return number
        if number != int(number):
            raise wrong
        return int(number)

    def check(self, value: Any, *, look_up: bool = True) -> Value:
        """Return `value` converted and found valid.

        Parameters
        ----------
        value : str, int, float or bool
            What was given.
        look_up : bool
            False skips choices that have to be looked up (scanners, tracers, anatomies).

        Raises
        ------
        ParameterError
            One line: wrong type, out of range, not a choice (with the nearest one), or a missing file.
        """
        value = self.convert(value)
        if self.range is not None and isinstance(value, (int, float)) and value not in self.range:
            unit = f" {self.unit}" if self.unit else ""
            got = f"{value:g}" if isinstance(value, float) else str(value)
            got = got if len(got) <= 30 else f"{got[:12]}… ({len(got)} digits)"
            raise ParameterError(f"{self.name} is {self.help} in {self.range.text}{unit}, got {got}")
        if not self.choices or (isinstance(self.choices, str) and not look_up):
            return value
        if self.files and str(value).endswith(self.files):
            path = Path(str(value)).expanduser()
            if why := why_no_file(path):
                told = f"there is no file {value}" if why == "no such file" else f"{value} is {why}"
                raise ParameterError(f"{self.name}: {told}")
            return str(path.resolve())
        words = self.words()
        if value not in words:
            or_file = f" (or a {' or '.join(self.files)} file)" if self.files else ""
            hint = did_you_mean(str(value), words)
            raise ParameterError(f"{self.name} {value!r} is not known{or_file}.{hint}")
        return value


def _look_up(what: str) -> list[str]:
    """Return the names of the scanners, tracers, anatomies or profiles at hand."""
    if what == "profiles":
        return list(PROFILES)
    if what in ("scanners", "tracers"):
        return sorted(p.stem for p in (data_dir() / what).glob("*.y*ml"))
    return sorted(HEADS)


@lru_cache(maxsize=4)
def _read(path: Path, _stamp: int) -> dict[str, Parameter]:
    entries = read_yaml(path)
    if not isinstance(entries, dict):
        raise CardError(f"{path.name} must map parameter names to fields")
    return {
        name: load_card(Parameter, {**e, "name": name} if isinstance(e, dict) else e, f"{path.name}: {name}")
        for name, e in entries.items()
    }


def vocabulary() -> dict[str, Parameter]:
    """Return every parameter a notebook may declare, by name.

    Raises
    ------
    CardError
        If `data/parameters.yml` is missing or wrong; the message names the field.
    """
    path = data_dir() / "parameters.yml"
    if not path.is_file():
        raise CardError("data/parameters.yml is missing: restore it from the repository")
    return _read(path, path.stat().st_mtime_ns)
