"""What a training changes in a network, and what a checkpoint of it must agree with."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor, nn

from petrecon.petite.pairs import ScanPairs
from petrecon.petite.settings import Settings
from petrecon.provenance.code import code_digest


def trained_state(network: nn.Module) -> dict[str, Tensor]:
    """Return copies of the parameters that are trained, and of the buffers (BatchNorm's statistics), by name.

    Parameters
    ----------
    network : module

    Returns
    -------
    dict of tensor
        On the CPU.
    """
    named = [(k, v) for k, v in network.named_parameters() if v.requires_grad]
    return {k: v.detach().cpu().clone() for k, v in [*named, *network.named_buffers()]}


def restore_state(network: nn.Module, state: dict[str, Tensor]) -> None:
    """Set the parameters and buffers that `trained_state` returned, in place.

    Parameters
    ----------
    network : module
    state : dict of tensor
    """
    own = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    with torch.no_grad():
        for name, value in state.items():
            own[name].copy_(value)


class Trained:
    """The trained part of a network, as a part of a checkpoint."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network

    def state_dict(self) -> dict[str, Tensor]:
        """Return `trained_state`."""
        return trained_state(self._network)

    def load_state_dict(self, state_dict: dict[str, Tensor]) -> None:
        """Restore it."""
        restore_state(self._network, state_dict)


def identity_of(networks: list[Any], pairs: ScanPairs, settings: Settings, precision: str) -> dict[str, Any]:
    """Return what a checkpoint must agree with: code, settings, subjects, data, and the weights it started from."""
    digest = hashlib.sha256()
    for network in networks:
        for name, value in network.state_dict().items():
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return {
        "code": code_digest("petrecon.petite.fit_network"),
        "settings": settings.as_dict(),
        "precision": precision,
        "subjects": [[m.scanner, m.anatomy, m.seed] for m in pairs.members],
        "data": [pairs.dose, float(pairs.short.double().sum()), float(pairs.long.double().sum())],
        "trained": [[name for name, p in network.named_parameters() if p.requires_grad] for network in networks],
        "start": digest.hexdigest(),
    }
