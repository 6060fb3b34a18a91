"""Bytes that one training step needs: weights, gradients, optimiser state and what autograd keeps for the backward."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Saved:
    """Bytes kept for the backward pass while `saved_activations` was active."""

    def __init__(self) -> None:
        self.storages: dict[int, int] = {}

    @property
    def bytes(self) -> int:
        """Total size of the distinct storages kept."""
        return sum(self.storages.values())


@contextmanager
def saved_activations(networks: Iterable[nn.Module | None]) -> Iterator[Saved]:
    """Count what autograd keeps of a forward pass, apart from the networks' own weights and buffers.

    Every storage counts once, however many views of it are kept. Frozen layers keep less, as their weights need no
    gradient: this is where fine-tuning few parameters saves memory.
    """
    own = set()
    for network in networks:
        if network is not None:
            own |= {t.untyped_storage().data_ptr() for t in (*network.parameters(), *network.buffers())}
    saved = Saved()

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved.storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield saved


def tensor_bytes(tensors: Iterable[Tensor]) -> int:
    """Return the total size of tensors."""
    return sum(t.numel() * t.element_size() for t in tensors)


def state_bytes(optimisers: Iterable[torch.optim.Optimizer]) -> int:
    """Return the size of the optimisers' own tensors (moments)."""
    states: list[Any] = [s for o in optimisers for s in o.state.values()]
    return tensor_bytes(v for s in states for v in s.values() if isinstance(v, Tensor))
