"""A drawing of a scanner: its modules, its image grid and the lines of one view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from petrecon.projectors.scanner import Scanner, load_scanner

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_scanner(scanner: Scanner | str, coarsening: str = "laptop", ax: Axes | None = None, view: int = 0) -> Any:
    """Draw one ring of a scanner to scale, in mm: detectors, image grid and lines of one view.

    Parameters
    ----------
    scanner : Scanner or str
    coarsening : {"quick", "laptop", "paper"}
    ax : matplotlib axes, optional
        A new figure when omitted.
    view : int
        Which view's lines to draw (every eighth of them).

    Returns
    -------
    matplotlib.axes.Axes
        With equal aspect and axes in mm.
    """
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(5, 5))[1]
    scanner = load_scanner(scanner) if isinstance(scanner, str) else scanner
    setting = scanner.coarsened(coarsening)
    geometry = setting.geometry()
    detectors = setting.detector_positions()
    ax.plot(*detectors.T, ".", ms=2, color="#1b6ca8", label=f"{setting.detectors} detectors")
    picked = slice(geometry.sinogram_shape[0] // 2 % 8, None, 8)
    start, end = geometry.lor_start[picked, view], geometry.lor_end[picked, view]
    ax.plot(*np.stack([start, end], axis=1)[..., :2].transpose(2, 1, 0), color="0.7", lw=0.6)
    half = [n * s / 2 for n, s in zip(geometry.image_shape, geometry.voxel_size, strict=True)]
    box = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * half
    grid = " × ".join(map(str, geometry.image_shape))
    ax.plot(*box.T, color="#c1502e", lw=1.2, label=f"image, {grid} voxels of {geometry.voxel_size[0]:.3g} mm")
    ax.set(aspect="equal", xlabel="x (mm)", ylabel="y (mm)")
    ax.set_title(f"{scanner.title}: {geometry.sinogram_shape[0]} radial bins × {geometry.views} views")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), fontsize="small")
    return ax


def draw_scanner_views(scanner: Scanner | str, views: Sequence[int], coarsening: str = "laptop") -> Figure:
    """Draw one ring of a scanner once for each of some views, side by side, as `draw_scanner` does.

    Parameters
    ----------
    scanner : Scanner or str
    views : sequence of int
    coarsening : {"quick", "laptop", "paper"}

    Returns
    -------
    matplotlib.figure.Figure
        With axes in mm.
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, len(views), figsize=(4.5 * len(views), 4.4), squeeze=False)
    for ax, view in zip(axes[0], views, strict=True):
        draw_scanner(scanner, coarsening, ax=ax, view=view)
        ax.set_title(f"view {view}")
    return fig
