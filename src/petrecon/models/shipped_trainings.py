"""Trainings that ship: their cards, and the weights that each makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from petrecon import paths
from petrecon.errors import CardError
from petrecon.provenance.training_cards import training_card, training_names

__all__ = ["load_training", "training_names", "weights_path"]


def load_training(name: str) -> dict[str, Any]:
    """Read a training card.

    Parameters
    ----------
    name : str
        One of `training_names`.

    Returns
    -------
    dict
        What the card says; of a card that lists several scanners, for the one in `name`.

    Raises
    ------
    CardError
        If there is no such card, or it does not say its kind.

    Examples
    --------
    >>> load_training("unetr-hrrt")["scanner"]
    'hrrt'
    """
    card = training_card(name)
    if not isinstance(card, dict) or card.get("name") != name or "kind" not in card:
        raise CardError(f"the training card {name}.yaml needs 'name: {name}' and a 'kind'")
    return card


def weights_path(name: str) -> Path:
    """Return where the weights of a training lie.

    Parameters
    ----------
    name : str
        Of a training card.

    Returns
    -------
    path
        ``data/weights/<name>.safetensors``; its receipt lies beside it (``.json``).
    """
    return paths.data_dir() / "weights" / f"{name}.safetensors"
