"""A transformer block with what a recipe puts into it: every shape is read from the modules after `apply`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from petrecon.models import CVTGANSpec, UNETRSpec
from petrecon.models.stages import build_on_meta
from petrecon.peft.bottleneck import Adapter
from petrecon.peft.counting import count
from petrecon.peft.prompts import ChannelPrompts, TokenPrompts
from petrecon.peft.recipes import Recipe
from petrecon.peft.ssf import ScaleShift
from petrecon.peft.tuning import apply_recipe, tuning_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _NEW, _FROZEN, _MUTED = "0.25", "#d55e00", "#e4e4e4", "0.4"
_MIDDLE, _WIDTH, _HEIGHT, _STRIP = 1.65, 2.5, 0.76, 0.34

_ROWS: dict[str, tuple[tuple[str, ...], ...]] = {
    "unetr": (
        ("norm1",), ("attn.to_q", "attn.to_k", "attn.to_v"), ("= softmax(qkᵀ) v",), ("attn.out_proj",), ("+ attn",),
        ("norm2",), ("mlp.linear1",), ("= GELU",), ("mlp.linear2",), ("+ mlp",),
    ),
    "cvt-gan": (
        ("norm1",), ("attn.conv_q", "attn.conv_k", "attn.conv_v"), ("attn.bn_q", "attn.bn_k", "attn.bn_v"),
        ("attn.proj_q", "attn.proj_k", "attn.proj_v"), ("= softmax(qkᵀ) v",), ("attn.proj",), ("+ attn",), ("norm2",),
        ("mlp.fc1",), ("= GELU",), ("mlp.fc2",), ("+ mlp",),
    ),
}  # fmt: skip
"""The inside of a block, in the order of the data: layers by name, "=" an operation without numbers, "+" the end of a
residual connection, after the module named there."""


def draw_block(spec: UNETRSpec | CVTGANSpec, recipe: Recipe, ax: Axes, title: str = "") -> Axes:
    """Draw a transformer block of the encoder with what a recipe inserts in it: frozen grey, trained orange.

    Under the title stands what the recipe trains in the whole network.

    Parameters
    ----------
    spec : UNETRSpec or CVTGANSpec
    recipe : Recipe
    ax : Axes
        About 2.8 inches wide and 0.4 inches per row high.
    title : str
        Instead of the recipe's label.
    """
    network = apply_recipe(build_on_meta(spec), recipe)
    name, block = _first_block(network)
    tuning = tuning_of(network)
    assert tuning is not None
    new = {n.removeprefix(f"{name}."): network.get_submodule(n) for n in tuning.replaced if n.startswith(f"{name}.")}
    rows = _ROWS[spec.architecture]
    found = count(network)
    ax.set(xlim=(0, 3), ylim=(len(rows) + 0.45, -0.8))
    ax.set_axis_off()
    ax.set_title(title or recipe.label, size=11)
    _text(ax, 1.5, -0.6, f"{found.trainable:,} numbers, {found.per_cent:.3f} %", _MUTED)
    ax.plot([_MIDDLE] * 2, [-0.3, len(rows) + 0.3], color=_INK, lw=1, zorder=0)
    began = -0.15
    for y, row in enumerate(rows):
        if row[0].startswith("= "):
            _operation(ax, y, row[0][2:], new.get("attn") if "softmax" in row[0] else None)
        elif row[0].startswith("+ "):
            _residual(ax, began, y + 0.6, None if row[0] == "+ attn" else new.get(row[0][2:]))
            began = y + 0.85
        else:
            _fan(ax, y, len(row), above=len(rows[y - 1]) < len(row), below=len(rows[y + 1]) < len(row))
            for x, layer in zip(_places(len(row)), row, strict=True):
                box = (x - _WIDTH / len(row) / 2 + 0.03, y + 0.09, _WIDTH / len(row) - 0.06, _HEIGHT)
                _layer(ax, box, layer.rpartition(".")[2], _base(block, layer, new), new.get(layer))
    return ax


def shapes(module: nn.Module) -> str:
    """Return what an inserted module trains, with its sizes: ``768→4→768`` through a bottleneck or a low rank."""
    own = {n: tuple(p.shape) for n, p in module.named_parameters() if p.requires_grad}
    if isinstance(module, Adapter):
        down = module.down
        return f"{down.in_features} → {down.out_features} → {down.in_features}"
    if isinstance(module, ScaleShift):
        return f"s, t {own['scale'][0]}"
    if isinstance(module, (TokenPrompts, ChannelPrompts)):
        return "prompts P " + "×".join(str(n) for n in own["prompts"])
    low = {m: s for m in "AB" for n, s in own.items() if f"lora_{m}" in n}
    if low:
        return f"{math.prod(low['A'][1:])}→{low['A'][0]}→{low['B'][0]}"
    return ", ".join(f"{n.rpartition('.')[2]} {s[0]}" for n, s in own.items())


def _first_block(network: nn.Module) -> tuple[str, nn.Module]:
    """Return the first block of the encoder in which something is trained, else the first of all."""
    blocks = {n: m for n, m in network.named_modules() if hasattr(m, "norm2") and hasattr(m, "mlp")}
    trained = [n for n, m in blocks.items() if any(p.requires_grad for p in m.parameters())]
    name = next(iter([*trained, *blocks]))
    return name, blocks[name]


def _base(block: nn.Module, layer: str, new: Mapping[str, nn.Module]) -> nn.Module:
    """Return the frozen layer behind a name, whatever stands in its place or in that of the module it belongs to."""
    module: Any = block
    for part in layer.split("."):
        module = getattr(module, "base", module)
        module = getattr(module, part)
    if layer in new:
        module = getattr(module, "base", None) or getattr(module, "base_layer", None) or module.get_base_layer()
    found: nn.Module = module
    return found


def _places(columns: int) -> list[float]:
    return [_MIDDLE + (k + 0.5 - columns / 2) * _WIDTH / columns for k in range(columns)]


def _fan(ax: Axes, y: int, columns: int, *, above: bool, below: bool) -> None:
    """Draw the lines through the layers of a row, and those that spread to them and bring them together again."""
    places = _places(columns)
    for x in places:
        ax.plot([x, x], [y, y + 0.95], color=_INK, lw=1, zorder=0)
    for end in [y] * above + [y + 0.95] * below:
        ax.plot([places[0], places[-1]], [end] * 2, color=_INK, lw=1, zorder=0)


def _layer(
    ax: Axes, box: tuple[float, float, float, float], label: str, base: nn.Module, new: nn.Module | None
) -> None:
    """Draw a frozen layer, and on it what is trained: in its place, inserted, or its own bias."""
    x, y, width, height = box
    if new is not None and hasattr(new, "ln_tuning_layers"):
        _box(ax, box, _NEW)
        _text(ax, x + width / 2, y + height / 2, f"{label}: {shapes(new)}", "white")
        return
    bias = getattr(base, "bias", None)
    words = shapes(new) if new is not None else ""
    if new is None and bias is not None and bias.requires_grad:
        words = f"bias {bias.numel()}"
    _box(ax, box, _FROZEN)
    _text(ax, x + width / 2, y + (height - (_STRIP if words else 0)) / 2, label)
    if words:
        _box(ax, (x, y + height - _STRIP, width, _STRIP), _NEW)
        _text(ax, x + width / 2, y + height - _STRIP / 2, words, "white")


def _operation(ax: Axes, y: int, words: str, new: nn.Module | None) -> None:
    """Draw an operation without numbers, and the second attention of token prompts under it."""
    _box(ax, (_MIDDLE - 0.75, y + (0.1 if new is None else -0.02), 1.5, 0.5), "white")
    _text(ax, _MIDDLE, y + (0.35 if new is None else 0.2), words, _INK)
    if new is not None:
        _box(ax, (_MIDDLE - _WIDTH / 2 + 0.03, y + 0.5, _WIDTH - 0.06, _STRIP), _NEW)
        _text(ax, _MIDDLE, y + 0.5 + _STRIP / 2, "+ softmax(q kₚᵀ) vₚ, " + shapes(new).replace("prompts ", ""), "white")


def _residual(ax: Axes, start: float, y: float, new: nn.Module | None) -> None:
    """Draw the way around a part of the block and the plus where it ends; an adapter lies before the plus."""
    if new is not None:
        _box(ax, (_MIDDLE - _WIDTH / 2 + 0.03, y - 0.58, _WIDTH - 0.06, _STRIP), _NEW)
        _text(ax, _MIDDLE, y - 0.58 + _STRIP / 2, shapes(new), "white")
    ax.plot([_MIDDLE, 0.2, 0.2, _MIDDLE], [start, start, y, y], color=_INK, lw=1, zorder=0)
    ax.plot(_MIDDLE, y, marker="o", ms=11, mfc="white", mec=_INK, mew=0.8, zorder=2)
    _text(ax, _MIDDLE, y, "+")


def _box(ax: Axes, box: tuple[float, float, float, float], colour: str) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle(box[:2], box[2], box[3], fc=colour, ec="none" if colour == _NEW else _INK, lw=0.6, zorder=2))


def _text(ax: Axes, x: float, y: float, words: str, colour: str = "black") -> None:
    ax.text(x, y, words, ha="center", va="center", size=8, color=colour, linespacing=1.1, zorder=3)
