"""Every training that makes shipped weights, by the name of its card."""

from __future__ import annotations

import json
from pathlib import Path

from petrecon.errors import CardError, did_you_mean
from petrecon.models.shipped_trainings import load_training, training_names, weights_path
from petrecon.provenance.reads import watch
from petrecon.provenance.weight_receipts import describe

KINDS = ("score", "petite")


def train(name: str, *, progress: bool = True) -> Path:
    """Train the weights of a card; an interrupted training resumes.

    Parameters
    ----------
    name : str
        A card in ``data/training``.

    Returns
    -------
    path
        The weight file in ``data/weights``.

    Raises
    ------
    CardError
        If there is no such card or its kind is unknown.
    """
    end = watch()
    try:
        return _train(name, progress)
    finally:
        end()


def _train(name: str, progress: bool) -> Path:
    kind = load_training(name)["kind"]
    if kind == "score":
        from petrecon.ddip.pretrain import pretrain_score

        return pretrain_score(name, progress=progress)
    if kind == "petite":
        from petrecon.petite import sources

        return sources.pretrain_source(name, progress=progress)
    raise CardError(f"the training card {name} is of an unknown kind {kind!r}.{did_you_mean(str(kind), KINDS)}")


def listing() -> list[str]:
    """One line per training: name, kind, and what its shipped weights cost to make."""
    lines, names = [], training_names()
    width = max(map(len, names), default=0)
    for name in names:
        weights = weights_path(name)
        receipt = weights.with_suffix(".json")
        cost = "not trained yet"
        if receipt.is_file():
            told = json.loads(receipt.read_text(encoding="utf-8"))
            cost = f"trained in {told['seconds'] / 60:.0f} min on {told['device']}, {told['threads']} thread(s)"
            cost += "".join(f"; {text}" for text in [describe(weights)] if text)
        lines.append(f"{name:{width}} {load_training(name)['kind']:8} {cost}")
    return lines
