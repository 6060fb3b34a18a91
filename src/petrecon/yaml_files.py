"""YAML as every card of this project is read: no key twice, 1e7 is a number, a fault is told in one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from petrecon.errors import CardError


class _Loader(yaml.SafeLoader):
    """Plain data only; a key that is there twice is refused, where YAML readers silently take the last."""

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        seen: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if (key.tag, key.value) in seen:
                first = seen[key.tag, key.value]
                raise CardError(f"{key.value!r} is there twice, in lines {first} and {line}: remove one")
            seen[key.tag, key.value] = line
        return node


# YAML 1.1 takes 1e7 for text and wants 1.0e+7; YAML 1.2 and everybody else take it for a number
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def parse_yaml(text: str, name: str) -> Any:
    """Return what YAML text says; `name` is what errors call it.

    Raises
    ------
    CardError
        If it is not valid YAML, or a mapping has a key twice: in one line, with the lines of the text.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except CardError as error:
        raise CardError(f"{name}: {error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CardError(f"{name} is not valid YAML: {' '.join(str(error).split())}") from None


def read_yaml(path: Path, name: str = "") -> Any:
    """Return what a YAML file says; `name` is what errors call it, by default the file's name.

    Raises
    ------
    CardError
        If the file cannot be read, or as `parse_yaml`.
    """
    name = name or path.name
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CardError(f"{name} cannot be read: {error}") from None
    return parse_yaml(text, name)
