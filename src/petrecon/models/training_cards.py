"""Training cards, ``data/training/*.yaml``: what makes each file of shipped weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from petrecon import paths
from petrecon.errors import CardError, did_you_mean
from petrecon.yaml_files import read_yaml


def training_names() -> list[str]:
    """Names of the trainings that ship: each makes one file in ``data/weights``."""
    return sorted(p.stem for p in (paths.data_dir() / "training").glob("*.yaml"))


def load_training(name: str) -> dict[str, Any]:
    """Read a training card.

    Raises
    ------
    CardError
        If there is no such card, or it does not say its kind.
    """
    path = paths.data_dir() / "training" / f"{name}.yaml"
    if not path.is_file():
        raise CardError(f"there is no training {name!r}.{did_you_mean(name, training_names())}")
    card = read_yaml(path)
    if not isinstance(card, dict) or card.get("name") != name or "kind" not in card:
        raise CardError(f"the training card {path.name} needs 'name: {name}' and a 'kind'")
    return card


def weights_path(name: str) -> Path:
    """Where the weights of a training lie."""
    return paths.data_dir() / "weights" / f"{name}.safetensors"
