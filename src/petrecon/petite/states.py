"""What a training changes in a network, and what a checkpoint of it must agree with."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor, nn

from petrecon.petite.pairs import ScanPairs
from petrecon.petite.settings import Settings
from petrecon.provenance.code import code_digest


def trained_state(network: nn.Module | None) -> dict[str, Tensor]:
    """Return copies of the parameters that are trained, and of the buffers (BatchNorm's statistics), by name."""
    if network is None:
        return {}
    named = [(k, v) for k, v in network.named_parameters() if v.requires_grad]
    return {k: v.detach().cpu().clone() for k, v in [*named, *network.named_buffers()]}


def restore_state(network: nn.Module | None, state: dict[str, Tensor]) -> None:
    """Put back what `trained_state` returned."""
    own = {} if network is None else {**dict(network.named_parameters()), **dict(network.named_buffers())}
    with torch.no_grad():
        for name, value in state.items():
            own[name].copy_(value)


def identity_of(players: list[Any], pairs: ScanPairs, settings: Settings) -> dict[str, Any]:
    """Return what a checkpoint must agree with: code, settings, subjects, data, and the weights it started from."""
    digest = hashlib.sha256()
    for player in players:
        for name, value in player.state_dict().items():
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return {
        "code": code_digest("petrecon.petite.training"),
        "settings": settings.as_dict(),
        "subjects": [[m.scanner, m.anatomy, m.seed] for m in pairs.members],
        "data": [pairs.dose, float(pairs.short.double().sum()), float(pairs.long.double().sum())],
        "trained": [[name for name, p in player.named_parameters() if p.requires_grad] for player in players],
        "start": digest.hexdigest(),
    }
