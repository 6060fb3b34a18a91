"""Low-rank adaptation (LoRA) of a score network without a layer inserted: which numbers learn, and what they add."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from petrecon.errors import ParameterError, did_you_mean

LAYERS: dict[str, str] = {
    "attention": r"to_q|to_k|to_v|out_proj",
    "time": r"time_emb_proj",
    "convolution": r"conv1\.conv|conv2\.conv|skip_connection\.conv",
}
"""Kinds of layers in MONAI's diffusion U-Net, by the end of their module names."""

TARGETS: dict[str, tuple[str, ...]] = {
    "attention": ("attention",),
    "time": ("time",),
    "convolution": ("convolution",),
    "attention+time": ("attention", "time"),
    "all": ("convolution", "time", "attention"),
}
"""LoRA configurations. "all" is the set of the released DDIP for PET: every layer inside the residual and attention
blocks, but not the first and last convolution nor the time MLP."""


def target_pattern(targets: str) -> str:
    """Return the regular expression that module names of a configuration match in full.

    Raises
    ------
    ParameterError
        If the configuration is unknown.
    """
    if targets not in TARGETS:
        raise ParameterError(f"there are no LoRA targets {targets!r}.{did_you_mean(targets, TARGETS)}")
    return rf"(?:.*\.)?(?:{'|'.join(LAYERS[kind] for kind in TARGETS[targets])})"


def low_rank_factors(
    network: nn.Module, rank: int, targets: str = "all", biases: bool = True, seed: int = 0
) -> dict[str, Tensor]:
    r"""Return the numbers that LoRA trains, at the start: factors of :math:`W + BA`, and biases. Nothing is changed.

    A is drawn from :math:`N(0, 1/r^2)` and B is zero, so `merged_weights` are at first those of the network, exactly.
    The scale is one, and there is no dropout (the released code leaves a dropout of 0.1 on while it reconstructs,
    because it puts the layers in after `eval()`; that is not done here). The draws are those of the `peft` library.

    Parameters
    ----------
    network : nn.Module
    rank : int
        r, from 1 to the smallest side of the adapted weights (out × in · kernel).
    targets : str
        Configuration, see `TARGETS`.
    biases : bool
        Train the biases too (of normalisation layers as well), except those of the time projections, as the released
        code does.
    seed : int
        Draws A; the global random state is left alone.

    Returns
    -------
    dict of Tensor
        By name, in the order of the network's layers: ``<layer>.lora_A`` (r, in, *kernel), ``<layer>.lora_B``
        (out, r, 1, …), and biases under their own names.

    Raises
    ------
    ParameterError
        If the rank is out of range for one of the layers (it is named), the configuration is unknown, or no layer of
        the network belongs to it.

    Examples
    --------
    >>> network = nn.Sequential()
    >>> network.add_module("to_q", nn.Linear(6, 4))
    >>> start = low_rank_factors(network, rank=2, targets="attention")
    >>> {name: tuple(tensor.shape) for name, tensor in start.items()}
    {'to_q.bias': (4,), 'to_q.lora_A': (2, 6), 'to_q.lora_B': (4, 2)}
    >>> bool((merged_weights(network, start)["to_q.weight"] == network.to_q.weight).all())
    True
    """
    pattern = target_pattern(targets)
    adapted = {n: m for n, m in network.named_modules() if re.fullmatch(pattern, n) and hasattr(m, "weight")}
    if not adapted:
        raise ParameterError(f"no layer of {type(network).__name__} belongs to the LoRA targets {targets!r}")
    check_rank(rank, adapted)
    start: dict[str, Tensor] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, layer in network.named_modules():
            for own, parameter in layer.named_parameters(name, recurse=False):
                if biases and own.endswith("bias") and "time_emb_proj" not in own:
                    start[own] = parameter.detach().clone()
            if name in adapted:
                start[f"{name}.lora_A"], start[f"{name}.lora_B"] = _factors(layer, rank)
    return start


def _factors(layer: Any, rank: int) -> tuple[Tensor, Tensor]:
    """Return A (normal, standard deviation 1/r) and B (zero) of a linear or convolution layer."""
    if isinstance(layer, nn.Linear):
        down, up = nn.Linear(layer.in_features, rank, bias=False), nn.Linear(rank, layer.out_features, bias=False)
    else:
        kind: Any = type(layer)
        down = kind(layer.in_channels, rank, layer.kernel_size, bias=False)
        up = kind(rank, layer.out_channels, 1, bias=False)
    with torch.no_grad():
        return nn.init.normal_(down.weight, std=1 / rank).detach(), nn.init.zeros_(up.weight).detach()


def merged_weights(network: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    r"""Return a network's parameters :math:`W + BA` from low-rank factors and biases; differentiable.

    A small network runs faster with merged weights than with two more convolutions per layer, forward and backward.

    Parameters
    ----------
    network : nn.Module
        Gives W.
    tensors : mapping of Tensor
        Named and shaped as `low_rank_factors` returns them.

    Returns
    -------
    dict of Tensor
        For `torch.func.functional_call(network, ...)`.
    """
    own = dict(network.named_parameters())
    merged: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if name.endswith(".lora_A"):
            layer = name.removesuffix(".lora_A")
            weight, up = own[f"{layer}.weight"], tensors[f"{layer}.lora_B"]
            merged[f"{layer}.weight"] = weight.detach() + (up.flatten(1) @ value.flatten(1)).view_as(weight)
        elif not name.endswith(".lora_B"):
            merged[name] = value
    return merged


def check_rank(rank: int, layers: Mapping[str, nn.Module]) -> None:
    """Refuse a LoRA rank that is not a whole number from 1 to the smallest side of every layer's weights.

    Raises
    ------
    ParameterError
        It names the layer and its limit.
    """
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise ParameterError(f"the LoRA rank is {rank!r}; a whole number of at least 1")
    for name, layer in layers.items():
        shape = layer.get_parameter("weight").shape
        largest = min(shape[0], math.prod(shape[1:]))
        if rank > largest:
            raise ParameterError(f"the LoRA rank {rank} is above {largest}, the largest that layer {name} allows")
