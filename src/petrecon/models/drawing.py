"""UNETR and CVT-GAN drawn from their widths: every number in the picture is measured on a network built from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from petrecon.models.specs import CVTGANSpec, UNETRSpec
from petrecon.models.stages import StageSize, shown_grid, stages

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = "0.25"
_FILL = {"transformer": "#cfe3f3", "convolution": "#eeeeee", "picture": "#ffffff", "tuned": "#d55e00"}
_WIDTH, _HEIGHT, _STRIP, _ROW = 2.25, 1.02, 0.27, 1.36
_X = (0.0, 3.0, 5.9)
"""Left edges of the columns, in inches; a row is a grid, from the finest at the top to the coarsest."""

_CVT_PLACES = {
    "encoder0": (0, 1), "encoder1": (0, 2), "encoder2": (0, 3), "encoder3": (0, 4), "decoder1": (1, 4),
    "decoder1_up": (2, 3), "decoder2": (1, 3), "decoder2_up": (2, 2), "decoder3": (1, 2), "decoder3_up": (2, 1),
    "decoder4": (1, 1),
}  # fmt: skip
_CVT_FLOW = (
    *((f"encoder{k}", f"encoder{k + 1}") for k in range(3)),
    ("encoder3", "decoder1"),
    *((f"decoder{k}", f"decoder{k}_up") for k in (1, 2, 3)),
    *((f"decoder{k}_up", f"decoder{k + 1}") for k in (1, 2, 3)),
)
_CVT_SKIPS = tuple((f"encoder{k}", f"decoder{4 - k}") for k in (0, 1, 2))
_UNETR_PLACES = {f"encoder{k}": (1, k) for k in (1, 2, 3, 4)} | {f"decoder{k}": (2, k - 1) for k in (2, 3, 4, 5)}
_UNETR_FLOW = tuple((f"decoder{k}", f"decoder{k - 1}") for k in (5, 4, 3))
_UNETR_SKIPS = tuple((f"encoder{k}", f"decoder{k + 1}") for k in (1, 2, 3, 4))
_TAPS = {4: "encoder2", 7: "encoder3", 10: "encoder4"}
"""UNETR in MONAI: after how many blocks the tokens go to which convolutions."""

Box = tuple[float, float, float, float]
Pairs = tuple[tuple[str, str], ...]


def draw_architecture(spec: UNETRSpec | CVTGANSpec, tuned: Mapping[str, str] | None = None) -> Figure:
    """Draw a network: stages as boxes with channels × grid and parameters, and what is trained in which stage.

    Parameters
    ----------
    spec : UNETRSpec or CVTGANSpec
    tuned : mapping of str, optional
        Stage → what is trained there, written on an orange strip in its box.

    Raises
    ------
    KeyError
        If `tuned` names a stage that the network does not have.
    """
    import matplotlib.pyplot as plt

    sizes = stages(spec)
    for name in tuned or {}:
        sizes[name]
    top, bottom = (-0.35, 6.35) if isinstance(spec, CVTGANSpec) else (-1.05, 6.82)
    fig = plt.figure(figsize=(8.4, bottom - top), layout="none")
    ax = fig.add_axes((0.0, 0.0, 1.0, 1.0))
    ax.set(xlim=(-0.12, 8.28), ylim=(bottom, top))
    ax.set_axis_off()
    if isinstance(spec, CVTGANSpec):
        _draw_cvt_gan(ax, spec, sizes, dict(tuned or {}))
        parts = {"encoder": (_X[0], _X[0]), "decoder": (_X[1], _X[2])}
    else:
        _draw_unetr(ax, spec, sizes, dict(tuned or {}))
        parts = {"encoder": (_X[0], _X[0]), "skips": (_X[1], _X[1]), "decoder": (_X[2], _X[2])}
    for name, (left, right) in parts.items():
        ax.text((left + right + _WIDTH) / 2, top + 0.2, name, ha="center", va="center", size=11, color=_INK)
    return fig


def _draw_cvt_gan(ax: Axes, spec: CVTGANSpec, sizes: dict[str, StageSize], tuned: dict[str, str]) -> None:
    boxes = _placed(_CVT_PLACES)
    for k in (1, 2, 3):  # a convolution and the 1³ shortcut beside it are one box
        name = f"decoder{k}"
        sizes[name] = _with_shortcut(sizes[name], sizes[f"shortcut{k}"])
    for name, box in boxes.items():
        _stage(ax, box, sizes[name], tuned.get(name))
    short, long = (_X[0], 0.1, _WIDTH, 0.5), (_X[1], 0.1, _WIDTH, 0.5)
    _box(ax, short, f"short scan, {shown_grid(spec.patch)}", "picture")
    _box(ax, long, f"long scan, {shown_grid(spec.patch)}", "picture")
    _arrow(ax, _bottom(short), _top(boxes["encoder0"]))
    _arrow(ax, _top(boxes["decoder4"]), _bottom(long))
    _arrow(ax, _right(short), _left(long), dashed=True)
    ax.text((_X[0] + _WIDTH + _X[1]) / 2, 0.27, "added", ha="center", va="bottom", size=8, color=_INK)
    _connect_all(ax, boxes, _CVT_FLOW, _CVT_SKIPS)


def _draw_unetr(ax: Axes, spec: UNETRSpec, sizes: dict[str, StageSize], tuned: dict[str, str]) -> None:
    boxes = _placed(_UNETR_PLACES, first=0.36)
    for name, box in boxes.items():
        _stage(ax, box, sizes[name], tuned.get(name))
    short, long = (_X[0], -0.6, _WIDTH, 0.5), (_X[2], -0.6, _WIDTH, 0.5)
    _box(ax, short, f"short scan, {shown_grid(spec.patch)}", "picture")
    _box(ax, long, f"long scan, {shown_grid(spec.patch)}", "picture")
    _arrow(ax, _top(boxes["decoder2"]), _bottom(long))
    _arrow(ax, _right(short), _top(boxes["encoder1"]))
    vit = sizes["vit"]
    step = _ROW / 3  # three blocks between two taps, so that a tap meets the row of its convolutions
    first = _left(boxes["encoder2"])[1] - 3 * step
    embedding = (_X[0], first - 0.78, _WIDTH, 0.5)
    _box(ax, embedding, f"16³ voxels → a token\n{vit.size} tokens", "transformer")
    _arrow(ax, _bottom(short), _top(embedding))
    bars = [(_X[0], first + i * step - 0.15, _WIDTH, 0.3) for i in range(vit.blocks)]
    _arrow(ax, _bottom(embedding), _top(bars[0]))
    for i, bar in enumerate(bars):
        _box(ax, bar, f"block {i + 1}", "transformer")
        if i + 1 in _TAPS:
            _arrow(ax, _right(bar), _left(boxes[_TAPS[i + 1]]))
    bottom = bars[-1][1] + 0.3
    corner = _bottom(boxes["decoder5"])
    ax.plot([_X[0] + _WIDTH, corner[0]], [bottom - 0.15] * 2, color=_INK, lw=1.1)
    _arrow(ax, (corner[0], bottom - 0.15), corner)
    label = f"vision transformer\n{vit.heads} heads, {_millions(vit.parameters)}"
    ax.text(_X[0] + _WIDTH / 2, bottom + 0.12, label, ha="center", va="top", size=9, color=_INK)
    if "vit" in tuned:
        _box(ax, (_X[0], bottom + 0.52, _WIDTH, _STRIP), tuned["vit"], "tuned")
    _connect_all(ax, boxes, _UNETR_FLOW, _UNETR_SKIPS)


def _placed(places: Mapping[str, tuple[int, int]], first: float = 0.0) -> dict[str, Box]:
    start = first - _ROW if first else -0.45
    return {name: (_X[column], start + row * _ROW, _WIDTH, _HEIGHT) for name, (column, row) in places.items()}


def _with_shortcut(stage: StageSize, shortcut: StageSize) -> StageSize:
    total = stage.parameters + shortcut.parameters
    return StageSize(stage.name, stage.channels, stage.grid, total, stage.blocks, stage.heads)


def _stage(ax: Axes, box: Box, stage: StageSize, tuned: str | None) -> None:
    kind = "transformer" if stage.blocks else "convolution"
    blocks = f"{stage.blocks} block{'s' if stage.blocks > 1 else ''}, {stage.heads} heads"
    what = blocks if stage.blocks else "convolution"
    x, y, w, h = box
    _box(ax, box, "", kind)
    text = f"{stage.name}\n{what}\n{stage.size}, {_millions(stage.parameters)}"
    ax.text(x + w / 2, y + (h - (_STRIP if tuned else 0)) / 2, text, ha="center", va="center", size=9, linespacing=1.25)
    if tuned:
        _box(ax, (x, y + h - _STRIP, w, _STRIP), tuned, "tuned")


def _millions(parameters: int) -> str:
    return f"{parameters / 1e6:.2f} M" if parameters >= 1e5 else f"{parameters:,}"


def _box(ax: Axes, box: Box, text: str, kind: str) -> None:
    from matplotlib.patches import Rectangle

    x, y, w, h = box
    ax.add_patch(Rectangle((x, y), w, h, fc=_FILL[kind], ec=_INK, lw=0.8))
    ax.text(
        x + w / 2,
        y + h / 2,
        text,
        ha="center",
        va="center",
        size=9,
        color="white" if kind == "tuned" else "black",
        linespacing=1.25,
    )


def _connect_all(ax: Axes, boxes: Mapping[str, Box], flow: Pairs, skips: Pairs) -> None:
    for pairs, dashed in ((flow, False), (skips, True)):
        for start, end in pairs:
            _connect(ax, boxes[start], boxes[end], dashed=dashed)


def _connect(ax: Axes, start: Box, end: Box, *, dashed: bool = False) -> None:
    """Draw an arrow along a row, along a column, or to the next row and column."""
    if start[1] == end[1]:
        pair = (_right(start), _left(end)) if start[0] < end[0] else (_left(start), _right(end))
    elif start[0] == end[0]:
        pair = (_bottom(start), _top(end)) if start[1] < end[1] else (_top(start), _bottom(end))
    else:
        pair = ((start[0] + start[2], start[1] + 0.2), (end[0] + 0.4, end[1] + end[3]))
    _arrow(ax, *pair, dashed=dashed)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], *, dashed: bool = False) -> None:
    look: dict[str, Any] = {"arrowstyle": "-|>", "color": _INK, "lw": 1.1, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=look | {"linestyle": "--" if dashed else "-"})


def _left(box: Box) -> tuple[float, float]:
    return box[0], box[1] + box[3] / 2


def _right(box: Box) -> tuple[float, float]:
    return box[0] + box[2], box[1] + box[3] / 2


def _top(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1]


def _bottom(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3]
