"""How many numbers a recipe trains, beside what the paper reports."""

from __future__ import annotations

import re
from dataclasses import dataclass

from torch import nn

from petrecon.peft.parts import PARTS, architecture_of
from petrecon.peft.recipes import Recipe, mixes, single_methods
from petrecon.peft.tuning import base_tensors


@dataclass(frozen=True)
class Count:
    """Parameters of a network.

    Attributes
    ----------
    trainable : int
        Numbers that require gradient and are in force; shared ones once.
    total : int
        Those of the base network, without what was inserted.
    per_cent : float
        100 · trainable / total, as in the paper's tables.
    unused : int
        Part of `trainable` in modules that are never called: biases that BitFit counts and that cannot learn.
    """

    trainable: int
    total: int
    per_cent: float
    unused: int


def trainable_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that training would change: those that require a gradient.

    Parameters
    ----------
    network : module

    Returns
    -------
    list of parameter
    """
    return [p for p in network.parameters() if p.requires_grad]


def count(network: nn.Module) -> Count:
    """Return the live trainable parameters of a network, before or after a recipe.

    Parameters
    ----------
    network : module
        From `petrecon.models.build` or `build_discriminator`.

    Returns
    -------
    Count

    Raises
    ------
    ParameterError
        For a network of an unknown architecture.
    """
    unused = re.compile(PARTS[architecture_of(network)].unused)
    free = {name: p.numel() for name, p in network.named_parameters() if p.requires_grad}
    total = sum(t.numel() for t in base_tensors(network).values() if isinstance(t, nn.Parameter))
    idle = sum(n for name, n in free.items() if unused.match(name))
    trainable = sum(free.values())
    return Count(trainable, total, 100 * trainable / total, idle)


PAPER_PER_CENT: dict[str, dict[str, float]] = {
    "cvt-gan": {
        "full-ft": 100.0, "layernorm": 0.041, "bitfit": 0.12, "lora": 0.45, "adapters": 0.71, "ssf": 0.16, "vpt": 0.02,
        "petite": 0.32,
        "lora->adapters": 0.69, "lora->ssf": 0.58, "lora->vpt": 0.28, "adapters->lora": 0.69, "adapters->ssf": 0.78,
        "adapters->vpt": 0.87, "vpt->lora": 0.32, "vpt->adapters": 0.28, "vpt->ssf": 0.46, "ssf->lora": 0.35,
        "ssf->adapters": 0.29, "ssf->vpt": 0.38,
    },
    "unetr": {
        "full-ft": 100.0, "layernorm": 0.037, "bitfit": 0.07, "lora": 0.46, "adapters": 0.44, "ssf": 0.11, "vpt": 0.038,
        "petite": 0.51,
        "lora->adapters": 0.51, "lora->ssf": 0.51, "adapters->lora": 0.64, "adapters->ssf": 0.95, "vpt->lora": 0.53,
        "vpt->adapters": 0.42, "vpt->ssf": 0.11, "ssf->adapters": 0.28, "ssf->lora": 0.52,
    },
}  # fmt: skip
"""Percentages that Kim et al. 2024 print in Tables 1, 6 and 7, by the names of `single_methods` and `mixes`.

They are not all live parameters: UNETR's LoRA counts layers that its forward pass never reaches (442,368 for 147,456
live), and CVT-GAN's LoRA uses an unpublished layer. Tables 1 and 2 give 0.11 and 0.2 for the same SSF in UNETR.
"""


def paper_counts(architecture: str) -> dict[str, tuple[Recipe, float | None]]:
    """Return each row of Tables 1, 6 and 7: its name, its recipe and the printed per cent (None for No-FT).

    Parameters
    ----------
    architecture : {"cvt-gan", "unetr"}

    Returns
    -------
    dict of (Recipe, float or None)
    """
    rows = {**single_methods(architecture), **mixes(architecture)}
    return {name: (recipe, PAPER_PER_CENT[architecture].get(name)) for name, recipe in rows.items()}
