"""LoRA, DoRA, LayerNorm tuning and (IA)³ through the `peft` library, layer by layer."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Mapping
from typing import Any

from torch import nn

from petrecon.peft.depthwise import SCALING


def _wrapped(modules: Mapping[str, nn.Module], config: Any) -> dict[str, nn.Module]:
    """Return the library's layer for each module.

    The modules go into the library in a list of their own, so that nothing else of the network is touched and two
    methods in two parts never meet.
    """
    from peft import inject_adapter_in_model

    shelf = nn.ModuleDict({str(i): module for i, module in enumerate(modules.values())})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Unsupported layer type", category=UserWarning)
        inject_adapter_in_model(config, shelf)
    return dict(zip(modules, shelf.values(), strict=True))


def lora(modules: Mapping[str, nn.Module], rank: int, dora: bool) -> dict[str, nn.Module]:
    """Return layers W + 2·B·A, A (rank × in) random, B (out × rank) zero. Source: Hu et al. 2021; Liu et al. 2024."""
    from peft import LoraConfig

    return _wrapped(modules, LoraConfig(r=rank, lora_alpha=int(SCALING * rank), target_modules=r"\d+", use_dora=dora))


def layernorm(modules: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """Return layer norms with a trainable copy of their weight and bias."""
    from peft import LNTuningConfig

    return _wrapped(modules, LNTuningConfig(target_modules=r"\d+"))


def ia3(modules: Mapping[str, nn.Module], inputs: str) -> dict[str, nn.Module]:
    """Return layers with a learned scale per output channel, or per input where the name matches `inputs`.

    Source: Liu et al. 2022.
    """
    from peft import IA3Config

    at_input = [str(i) for i, name in enumerate(modules) if re.fullmatch(inputs or "(?!)", name)]
    pattern = "|".join(at_input) or "(?!)"
    return _wrapped(modules, IA3Config(target_modules=r"\d+", feedforward_modules=pattern))


def merged(layer: Any) -> nn.Module:
    """Return a plain layer that holds the library layer's update."""
    twin = copy.deepcopy(layer)
    twin.merge()
    plain: nn.Module = twin.get_base_layer()
    return plain
