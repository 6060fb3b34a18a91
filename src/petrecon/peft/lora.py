"""Low-rank adaptation (LoRA) of the layers of a network, through the `peft` library."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

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


def add_lora(
    network: nn.Module, rank: int, targets: str = "all", biases: bool = True, seed: int = 0
) -> dict[str, Tensor]:
    r"""Put low-rank updates :math:`W + BA` into a network, in place, and freeze everything else.

    A is drawn from :math:`N(0, 1/r^2)` and B is zero, so the network computes at first exactly what it did before.
    The scale is one, and there is no dropout (the released code leaves a dropout of 0.1 on while it reconstructs,
    because it puts the layers in after `eval()`; that is not done here).

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
        A copy of every trainable tensor at the start, by name: what `reset_lora` puts back.

    Raises
    ------
    ParameterError
        If the rank is out of range for one of the layers (it is named), the configuration is unknown, or no layer of
        the network belongs to it.
    """
    from peft import LoraConfig, inject_adapter_in_model

    pattern = target_pattern(targets)
    found = {n: m for n, m in network.named_modules() if re.fullmatch(pattern, n) and hasattr(m, "weight")}
    if not found:
        raise ParameterError(f"no layer of {type(network).__name__} belongs to the LoRA targets {targets!r}")
    _check_rank(rank, found)
    config = LoraConfig(
        r=rank, lora_alpha=rank, target_modules=pattern, lora_dropout=0.0, init_lora_weights="gaussian", bias="none"
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, network)
    for name, parameter in network.named_parameters():
        trained_bias = biases and name.endswith("bias") and "time_emb_proj" not in name
        parameter.requires_grad_("lora_" in name or trained_bias)
    return {n: p.detach().clone() for n, p in network.named_parameters() if p.requires_grad}


def reset_lora(network: nn.Module, start: Mapping[str, Tensor]) -> None:
    """Put the trainable tensors back to where `add_lora` left them, bit for bit: low-rank factors and biases."""
    own = dict(network.named_parameters())
    with torch.no_grad():
        for name, value in start.items():
            own[name].copy_(value)


def trainable_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that training would change."""
    return [p for p in network.parameters() if p.requires_grad]


def count_trainable(network: nn.Module) -> int:
    """Return how many numbers training would change."""
    return sum(p.numel() for p in trainable_parameters(network))


def merged_weights(network: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    r"""Return the plain network's parameters :math:`W + BA` from low-rank factors and biases; differentiable.

    A small network runs faster with merged weights than with two more convolutions per layer, forward and backward.

    Parameters
    ----------
    network : nn.Module
        Without LoRA layers: gives W.
    tensors : mapping of Tensor
        Named as `add_lora` returns them.

    Returns
    -------
    dict of Tensor
        For `torch.func.functional_call(network, ...)`.
    """
    own = dict(network.named_parameters())
    merged: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if "lora_A" in name:
            layer = name.split(".lora_A")[0]
            weight, up = own[f"{layer}.weight"], tensors[name.replace("lora_A", "lora_B")]
            merged[f"{layer}.weight"] = weight.detach() + (up.flatten(1) @ value.flatten(1)).view_as(weight)
        elif "lora_B" not in name:
            merged[name.replace(".base_layer.", ".")] = value
    return merged


def _check_rank(rank: int, layers: Mapping[str, nn.Module]) -> None:
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise ParameterError(f"the LoRA rank is {rank!r}; a whole number of at least 1")
    for name, layer in layers.items():
        weight = layer.weight
        assert isinstance(weight, Tensor)
        largest = min(weight.shape[0], math.prod(weight.shape[1:]))
        if rank > largest:
            raise ParameterError(f"the LoRA rank {rank} is above {largest}, the largest that layer {name} allows")
