"""How a grid of slices is drawn: one scale for activity, one for errors, grey for MR, and a bar for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from petrecon.compendium.notebook.figures import image
from petrecon.compendium.notebook.panel_grid import Lines, Slice

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIZE = 9
_WIDTH, _WIDEST, _BAR, _TITLE = 8.4, 2.6, 0.9, 0.25  # inches: figure, widest panel, colour bars, a line of titles


@dataclass(frozen=True)
class Scales:
    """The scales of a grid, and what its colour bars say."""

    top: float
    error_top: float
    quantity: str
    unit: str
    absolute: bool

    def label(self, kind: str) -> str:
        """Return what the colour bar of a kind of panel says."""
        text = self.quantity if kind == "activity" else "absolute error" if self.absolute else "error"
        return f"{text}\n({self.unit})" if self.unit else text

    def of(self, kind: str) -> dict[str, Any]:
        """Return limits and colour map of a kind of panel; white matter is bright in an MR."""
        if kind == "mr":
            return {"cmap": "gray"}
        if kind == "activity":
            return {"vmin": 0, "vmax": self.top}
        if self.absolute:
            return {"vmin": 0, "vmax": self.error_top, "cmap": "BuPu"}
        return {"vmin": -self.error_top, "vmax": self.error_top, "cmap": "RdBu_r"}


def draw_grid(lines: Lines, steps: Mapping[str, Slice], half: Slice, scales: Scales) -> Figure:
    """Return the figure: the bar of activity stands beside the upper lines, that of errors beside the lower.

    Parameters
    ----------
    lines : list of lists of Panel or None
        From `lay_out`.
    steps : mapping of row title to (2,) array
        Voxel sizes, mm.
    half : (2,) array
        Half the sides that are shown, mm.
    scales : Scales
    """
    from matplotlib import pyplot as plt

    wide = max(map(len, lines))
    side = min(_WIDEST, (_WIDTH - _BAR) / wide)
    titled = sum(any(panel and panel.title for panel in line) for line in lines)
    size = (wide * side + _BAR, len(lines) * side * half[1] / half[0] + titled * _TITLE)
    fig, axes = plt.subplots(len(lines), wide, figsize=size, squeeze=False, layout="constrained")
    drawn: dict[str, Any] = {}
    for ax in axes.flat:
        ax.set_axis_off()
    for k, line in enumerate(lines):
        for ax, panel in zip(axes[k], line, strict=False):
            if panel is None:
                continue
            ax.set_title(panel.title, size=_SIZE)
            if panel.kind == "sinogram":
                ax.imshow(panel.picture.T, aspect="auto", origin="lower", cmap="gray_r")
                ax.set_box_aspect(half[1] / half[0])
                continue
            x, y = steps[panel.row]
            picture = np.abs(panel.picture) if panel.kind == "error" and scales.absolute else panel.picture
            drawn[panel.kind] = image(ax, picture, (float(x), float(y)), axes=False, **scales.of(panel.kind))
            ax.set(xlim=(-half[0], half[0]), ylim=(-half[1], half[1]))
        row = next(panel.row for panel in line if panel)
        if row and not any(panel and panel.row == row for earlier in lines[:k] for panel in earlier):
            place = {"transform": axes[k, 0].transAxes, "rotation": 90, "ha": "right", "va": "center", "size": _SIZE}
            axes[k, 0].text(-0.05, 0.5, row, **place)
    bars = [kind for kind in ("activity", "error") if kind in drawn]
    beside = np.array_split(axes, len(bars)) if len(lines) >= len(bars) else [axes] * len(bars)
    for kind, part in zip(bars, beside, strict=True):
        bar = fig.colorbar(drawn[kind], ax=part, shrink=0.8 if len(part) < 3 else 0.5)
        bar.set_label(scales.label(kind), size=_SIZE)
    for _ in range(3 if any(panel and panel.row for line in lines for panel in line) else 0):
        fig.draw_without_rendering()  # slices keep their shape, so room for titles of rows is made step by step
    return fig
