"""Training cards, ``data/training/*.yaml``: one file may train the same network on each of several scanners."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from petrecon import paths
from petrecon.errors import CardError, did_you_mean
from petrecon.provenance.reads import unnoticed
from petrecon.yaml_files import read_yaml


def training_names() -> list[str]:
    """Return the names of all trainings: each makes one file in ``data/weights``."""
    return sorted(name for path in _files() for name in _cards(path))


def training_file(name: str) -> Path:
    """Return the file of a training's card.

    Parameters
    ----------
    name : str
        Its name, such as ``score-fdg``, or ``unetr-hrrt`` where a file says ``name: unetr-{scanner}``.

    Raises
    ------
    CardError
        If there is no such training; the nearest is named.
    """
    own = paths.data_dir() / "training" / f"{name}.yaml"
    with unnoticed():  # the other cards are looked at, not used
        for path in [own] if own.is_file() else sorted(_files(), key=lambda path: _likeness(path.stem, name)):
            if name in _cards(path):
                return path
        known = training_names()
    raise CardError(f"there is no training {name!r}.{did_you_mean(name, known)}")


def training_card(name: str) -> Any:
    """Return what a training's card says, for one scanner where it lists several.

    Raises
    ------
    CardError
        As `training_file`, or if the file is not valid YAML.
    """
    return _cards(training_file(name))[name]


def _files() -> list[Path]:
    return sorted((paths.data_dir() / "training").glob("*.yaml"))


def _likeness(stem: str, name: str) -> tuple[bool, int]:
    """Return what sorts first the file that most likely holds a card: unetr-paper.yaml for unetr-hrrt-paper."""
    return not set(stem.split("-")) <= set(name.split("-")), -len(stem)


def _cards(path: Path) -> dict[str, Any]:
    """Return every card of a file by its name: one for each of its `scanners`, or the one that it is."""
    content = read_yaml(path)
    if not isinstance(content, dict) or "scanners" not in content:
        return {path.stem: content}
    shared = {field: value for field, value in content.items() if field != "scanners"}
    names = {
        str(scanner): str(shared.get("name")).replace("{scanner}", str(scanner)) for scanner in content["scanners"]
    }
    return {name: {**shared, "name": name, "scanner": scanner} for scanner, name in names.items()}
