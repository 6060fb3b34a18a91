"""Of which code, card and data a weight file is: written into its receipt, and compared with what is here now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from petrecon.errors import CardError
from petrecon.paths import data_dir
from petrecon.provenance.code import code_of
from petrecon.provenance.files import file_hash
from petrecon.provenance.inputs import changes, hash_now
from petrecon.provenance.reads import noted
from petrecon.provenance.training_cards import training_card, training_file
from petrecon.provenance.versions import versions

OLD = "made before receipts held code"


def made_of(module: str) -> dict[str, Any]:
    """Return what the receipt of a training says of its origin.

    Returns
    -------
    dict
        ``code``: hash of the training's module and of all it imports; ``inputs``: of every file the process read
        (cards, wheels), when it watched (`reads.watch`); ``versions`` of the packages.
    """
    return {"code": code_of(module), "inputs": noted(), "versions": versions()}


def shipped() -> list[Path]:
    """Return the weight files in ``data/weights``, by name."""
    return sorted((data_dir() / "weights").glob("*.safetensors"))


def differences(weights: Path) -> list[str]:
    """Return how a shipped weight file differs from what its card, this code and these data would make.

    Empty when it does not; `OLD` when its receipt says nothing of code.
    """
    receipt = weights.with_suffix(".json")
    try:
        told = json.loads(receipt.read_text(encoding="utf-8"))
        wanted, card = told["sha256"], told.get("card")
        code, inputs = told.get("code", {}), told.get("inputs", {})
    except OSError:
        return ["it has no receipt"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ["its receipt cannot be read"]
    found = [] if weights.is_file() and file_hash(weights) == wanted else ["it is not the file of its receipt"]
    if card != _card_now(weights.stem):
        found.append(f"its card data/training/{_file_of(weights.stem)} changed")
    if not code:
        return [*found, OLD]
    own = f"data data/training/{_file_of(weights.stem)}"
    now = {f"module {name}": hash_now(f"module {name}") for name in code}
    found += changes({f"module {name}": digest for name, digest in code.items()}, now)
    return found + changes(inputs, {name: hash_now(name) for name in inputs}, but=[own])


def describe(weights: Path) -> str:
    """Return `differences` as a phrase; empty when there are none."""
    found = differences(weights)
    if found in ([], [OLD]):
        return "".join(found)
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return f"not of this card and code: {', '.join(found[:3])}{more}"


def _card_now(name: str) -> Any:
    try:
        return json.loads(json.dumps(training_card(name)))
    except (CardError, TypeError, ValueError):
        return None


def _file_of(name: str) -> str:
    try:
        return training_file(name).name
    except CardError:
        return f"{name}.yaml"
