"""The two steps of PETITE, drawn from a network, a recipe and four pictures (Fig. 1 of the paper, our layout)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from petrecon.models import CVTGANSpec, UNETRSpec
from petrecon.models.stages import build_on_meta, stages
from petrecon.peft import Recipe, apply_recipe, count, tuning_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _NEW, _FROZEN = "0.25", "#d55e00", "#e4e4e4"
_PICTURE, _HEIGHT = 1.65, 2.85

Scan = tuple[str, Tensor, Tensor]


def draw_scheme(spec: UNETRSpec | CVTGANSpec, recipe: Recipe, source: Scan, target: Scan) -> Figure:
    """Draw both steps: everything is trained on the source scanner, then the recipe on the target scanner.

    Each bar is a layer of the network: orange learns, grey is frozen. An orange edge is what the recipe inserts there;
    an orange foot the layer's biases, where the recipe trains them.

    Parameters
    ----------
    spec : UNETRSpec or CVTGANSpec
    recipe : Recipe
        Of the second step.
    source, target : (str, (X, Y) tensor, (X, Y) tensor)
        A scanner's name, and a short and a long scan.
    """
    import matplotlib.pyplot as plt

    network = build_on_meta(spec)
    total = count(network).total
    encoder, decoder = layers(spec)
    step = count(apply_recipe(network, recipe))
    tuning = tuning_of(network)
    assert tuning is not None
    biases = [n for n, p in network.named_parameters() if recipe.bitfit and p.requires_grad and n.endswith("bias")]
    edged, footed = (
        {n for n in encoder + decoder if any(f"{m}.".startswith(f"{n}.") for m in changed)}
        for changed in (tuning.replaced, biases)
    )

    fig = plt.figure(figsize=(8.4, 2 * _HEIGHT - 0.25), layout="none")
    ax = fig.add_axes((0.0, 0.0, 1.0, 1.0))
    ax.set(xlim=(0, 8.4), ylim=(0, 2 * _HEIGHT - 0.25))
    ax.set_axis_off()
    first = f"1. Pre-train on {source[0]}: all {total:,} numbers learn"
    second = f"2. Adapt to {target[0]} with {recipe.label}: {step.trainable:,} numbers learn ({step.per_cent:.2f} %)"
    for y, headline, scan, full in ((_HEIGHT, first, source, True), (0.0, second, target, False)):
        ax.text(0.1, y + 2.42, headline, size=11, va="center")
        _scan(ax, 0.1, y, scan[1], float(scan[2].max()), "5 minutes")
        _scan(ax, 8.3 - _PICTURE, y, scan[2], float(scan[2].max()), "30 minutes")
        for x, width, part, names in ((2.15, 2.3, "encoder", encoder), (4.75, 1.5, "decoder", decoder)):
            sets = (set(names), set(), set()) if full else (set(), edged, footed)
            _bars(ax, (x, y, width), part, names, *sets)
        for start, end in ((0.1 + _PICTURE, 2.1), (4.45, 4.7), (6.25, 8.3 - _PICTURE)):
            _arrow(ax, (start + 0.04, y + 1.2), (end, y + 1.2))
    _arrow(ax, (3.3, _HEIGHT + 0.4), (3.3, _HEIGHT - 0.22))
    ax.text(3.4, _HEIGHT + 0.1, "weights", size=9, va="center", color=_INK)
    return fig


def layers(spec: UNETRSpec | CVTGANSpec) -> tuple[list[str], list[str]]:
    """Return the names of the modules drawn as bars, of the encoder and of the decoder.

    They are the blocks of UNETR's transformer and its up-path, or the stages of CVT-GAN.
    """
    sizes = stages(spec)
    decoder = [name for name in sizes if name.startswith("decoder")]
    if "vit" in sizes:
        return [f"vit.blocks.{i}" for i in range(sizes["vit"].blocks)], decoder
    return [name for name in sizes if name.startswith("encoder")], decoder


def _bars(
    ax: Axes,
    where: tuple[float, float, float],
    part: str,
    names: list[str],
    learning: set[str],
    edged: set[str],
    footed: set[str],
) -> None:
    from matplotlib.patches import Rectangle

    x, y, width = where
    step = width / len(names)
    for i, name in enumerate(names):
        left = x + i * step
        ax.add_patch(
            Rectangle((left, y + 0.6), 0.75 * step, 1.2, fc=_NEW if name in learning else _FROZEN, ec=_INK, lw=0.6)
        )
        if name in edged:
            ax.add_patch(Rectangle((left + 0.75 * step, y + 0.6), 0.17 * step, 1.2, fc=_NEW, ec="none"))
        if name in footed:
            ax.add_patch(Rectangle((left, y + 0.49), 0.75 * step, 0.08, fc=_NEW, ec="none"))
    kind = "blocks" if names[0].startswith("vit") else "stages"
    ax.text(x + width / 2, y + 2.0, f"{part}, {len(names)} {kind}", ha="center", va="center", size=9, color=_INK)


def _scan(ax: Axes, x: float, y: float, picture: Tensor, top: float, label: str) -> None:
    inside = ax.inset_axes((x, y + 0.42, _PICTURE, _PICTURE), transform=ax.transData)
    inside.imshow(_cropped(picture).numpy().T, origin="lower", cmap="gray_r", vmin=0, vmax=top)
    inside.set_axis_off()
    ax.text(x + _PICTURE / 2, y + 0.3, label, ha="center", va="center", size=9, color=_INK)


def _cropped(picture: Tensor) -> Tensor:
    """Return the square around the head: where the picture exceeds a twentieth of its maximum."""
    x, y = (picture.detach().cpu() > 0.05 * picture.max()).nonzero(as_tuple=True)
    half = int(max(x.max() - x.min(), y.max() - y.min())) // 2 + 2
    middle = [int(v.min() + v.max()) // 2 for v in (x, y)]
    rows, columns = (slice(max(0, m - half), m + half + 1) for m in middle)
    return picture.detach().cpu()[rows, columns]


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": _INK, "lw": 1.1, "shrinkA": 0, "shrinkB": 0})
