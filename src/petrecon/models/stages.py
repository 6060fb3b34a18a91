"""What a network is made of, stage by stage: channels, grid and parameters, measured on the network itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from petrecon.models.build import build
from petrecon.models.specs import STRIDE, CVTGANSpec, UNETRSpec


@dataclass(frozen=True)
class StageSize:
    """One stage of a network: a child of its root module.

    Attributes
    ----------
    name : str
        Of the module.
    channels : int
        Of its output; of a vision transformer, the width of a token.
    grid : tuple of int
        Voxels (or tokens) of its output along x, y and z.
    parameters : int
    blocks, heads : int
        Transformer blocks, and attention heads in each; 0 in a convolutional stage.
    """

    name: str
    channels: int
    grid: tuple[int, int, int]
    parameters: int
    blocks: int
    heads: int

    @property
    def size(self) -> str:
        """Channels and grid as printed: ``256 × 8³`` or ``256 × 8·8·4``."""
        return f"{self.channels} × {shown_grid(self.grid)}"


def shown_grid(grid: tuple[int, ...]) -> str:
    """Return a grid as printed: ``8³``, or ``8·8·4`` when its axes differ."""
    return f"{grid[0]}³" if len(set(grid)) == 1 else "·".join(str(n) for n in grid)


def build_on_meta(spec: UNETRSpec | CVTGANSpec) -> nn.Module:
    """Return a network of these widths without numbers (on torch's meta device): only its shapes can be asked.

    It costs no memory, so the published widths can be counted on any machine.
    """
    with torch.device("meta"):
        return build(spec)


def stages(spec: UNETRSpec | CVTGANSpec) -> dict[str, StageSize]:
    """Return the stages of a network by name, in the order in which a patch passes through them.

    Sizes are those of the features that each stage gives out when a patch of `spec.patch` goes through a network
    built from `spec`.
    """
    network = build_on_meta(spec).eval()
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            features: Tensor = output[0] if isinstance(output, tuple) else output
            shapes[name] = tuple(features.shape)

        return hook

    for name, child in network.named_children():
        child.register_forward_hook(note(name))
    with torch.no_grad():
        network(torch.zeros(1, 1, *spec.patch, device="meta"))
    return {name: _sized(name, network.get_submodule(name), shape, spec) for name, shape in shapes.items()}


def _sized(name: str, stage: nn.Module, shape: tuple[int, ...], spec: UNETRSpec | CVTGANSpec) -> StageSize:
    attentions: list[Any] = [module.attn for module in stage.modules() if hasattr(module, "attn")]
    tokens = len(shape) == 3  # a vision transformer gives (batch, tokens, width)
    axes = [n // STRIDE for n in spec.patch] if tokens else shape[2:]
    x, y, z = axes
    return StageSize(
        name=name,
        channels=shape[2] if tokens else shape[1],
        grid=(x, y, z),
        parameters=sum(p.numel() for p in stage.parameters()),
        blocks=len(attentions),
        heads=int(getattr(attentions[0], "heads", 0) or attentions[0].num_heads) if attentions else 0,
    )
