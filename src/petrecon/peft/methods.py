"""From a method and a part to the modules that take the place of the network's own."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn

from petrecon.errors import ParameterError
from petrecon.peft import stock
from petrecon.peft.bottleneck import Adapter
from petrecon.peft.depthwise import DepthwiseLoRA
from petrecon.peft.inserted import out_channels
from petrecon.peft.lora import check_rank
from petrecon.peft.parts import Part, matching
from petrecon.peft.prompts import ChannelPrompts, TokenPrompts
from petrecon.peft.recipes import Recipe
from petrecon.peft.ssf import ScaleShift


def _is_depthwise(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv3d) and layer.groups == layer.in_channels > 1


def check_sizes(network: nn.Module, part: Part, method: str, recipe: Recipe) -> None:
    """Refuse a rank or a number of prompts that the layers of the part cannot have.

    Raises
    ------
    ParameterError
        It names the layer, its limit and the cure.
    """
    if method == "lora":
        layers = matching(network, part.lora)
        check_rank(recipe.rank or part.rank, layers)
        for name in [n for n, m in layers.items() if recipe.dora and _is_depthwise(m)]:
            raise ParameterError(f"DoRA is not defined for the depthwise convolution {name}: set dora=False")
    if method == "vpt":
        counts = recipe.prompts or part.prompt_counts
        if len(counts) != len(part.prompts):
            raise ParameterError(f"prompts are {counts}: this part takes {len(part.prompts)}, one per stage")
        for count, expression in zip(counts, part.prompts, strict=True):
            name, first = next(iter(matching(network, expression).items()))
            width = out_channels(first)
            if isinstance(first, nn.LayerNorm) and count > width:
                raise ParameterError(f"{count} prompts are more than the {width} channels at {name}: give fewer")


def insert(network: nn.Module, part: Part, method: str, recipe: Recipe) -> dict[str, nn.Module]:
    """Return what a method puts in place of which modules of a part, by name; the network is not changed yet."""
    if method == "lora":
        layers = matching(network, part.lora)
        rank = recipe.rank or part.rank
        depthwise = {n: m for n, m in layers.items() if _is_depthwise(m)}
        whole = {n: m for n, m in layers.items() if n not in depthwise}
        found: dict[str, nn.Module] = {n: DepthwiseLoRA(m, rank) for n, m in depthwise.items()}  # type: ignore[arg-type]
        return found | (stock.lora(whole, rank, recipe.dora) if whole else {})
    if method == "adapters":
        reduction = recipe.reduction or part.reduction
        return {n: Adapter(m, reduction) for n, m in matching(network, part.adapters).items()}
    if method == "ssf":
        return _scaled(network, part)
    if method == "vpt":
        return _prompted(network, part, recipe.prompts or part.prompt_counts)
    if method == "layernorm":
        return stock.layernorm(matching(network, part.layernorm))
    return stock.ia3(matching(network, part.ia3), part.ia3_inputs)


def _scaled(network: nn.Module, part: Part) -> dict[str, nn.Module]:
    inserted: dict[str, nn.Module] = {}
    shared: dict[str, tuple[nn.Parameter, nn.Parameter]] = {}
    like = next(network.parameters())
    for name, module in matching(network, part.ssf).items():
        together = part.ssf_shared and re.fullmatch(part.ssf_shared, name)
        key = name.rpartition(".")[0] if together else name
        if key not in shared:
            channels = out_channels(module)
            shared[key] = (nn.Parameter(torch.ones(channels).to(like)), nn.Parameter(torch.zeros(channels).to(like)))
        inserted[name] = ScaleShift(module, *shared[key])
    return inserted


def _prompted(network: nn.Module, part: Part, counts: tuple[int, ...]) -> dict[str, nn.Module]:
    inserted: dict[str, nn.Module] = {}
    spec: Any = network.spec
    like = next(network.parameters())
    for (expression, voxels), count in zip(part.prompts.items(), counts, strict=True):
        if count == 0:
            continue
        modules = matching(network, expression)
        if all(isinstance(module, nn.LayerNorm) for module in modules.values()):
            volumes = nn.Parameter(torch.zeros(count, *(n // voxels for n in spec.patch)).to(like))
            inserted |= {n: ChannelPrompts(m, volumes) for n, m in modules.items()}  # type: ignore[arg-type]
        else:
            tokens = nn.Parameter(torch.zeros(count, spec.hidden).to(like))
            inserted |= {n: TokenPrompts(m, tokens) for n, m in modules.items()}
    return inserted
