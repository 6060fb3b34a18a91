"""The layers of the `peft` library that compute what `petrecon.peft.merged_weights` puts into plain layers."""

import copy
import re

import torch
from torch import nn

from petrecon.peft.lora import target_pattern


def injected(network: nn.Module, rank: int, targets: str = "all", seed: int = 0) -> tuple[nn.Module, dict[str, str]]:
    """Return a copy with LoRA layers, as its authors use the library, and our name of each trained tensor by theirs."""
    from peft import LoraConfig, inject_adapter_in_model

    adapted = copy.deepcopy(network)
    pattern = target_pattern(targets)
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=pattern, lora_dropout=0.0, init_lora_weights="gaussian")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, adapted)
    for name, parameter in adapted.named_parameters():
        bias = name.endswith("bias") and "time_emb_proj" not in name
        parameter.requires_grad_("lora_" in name or bias)
    trained = [name for name, parameter in adapted.named_parameters() if parameter.requires_grad]
    return adapted, {name: re.sub(r"\.base_layer(?=\.)|\.default\.weight$", "", name) for name in trained}
