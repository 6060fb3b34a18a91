"""Checkpoints of a training: written atomically, refused when they belong to another training."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from petrecon.errors import InputError


def save_checkpoint(path: str | Path, identity: dict[str, Any], state: dict[str, Any]) -> None:
    """Write a checkpoint; an interruption leaves the previous one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    torch.save({"identity": identity, **state}, partial)
    os.replace(partial, path)


def load_checkpoint(path: str | Path, identity: dict[str, Any]) -> dict[str, Any]:
    """Return a checkpoint's state, on the CPU.

    Raises
    ------
    InputError
        If it cannot be read or its identity (code, settings and data) is another; the message names what differs.
    """
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        found = state["identity"]
    except Exception as error:
        raise InputError(f"{path} is not a checkpoint of a training: delete it") from error
    different = sorted(k for k in identity.keys() | found.keys() if found.get(k) != identity.get(k))
    if different:
        raise InputError(f"the checkpoint {path} is of another training ({', '.join(different)} differ): delete it")
    return state
