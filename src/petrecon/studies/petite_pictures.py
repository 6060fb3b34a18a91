"""Pictures of a study: scans of several scanners side by side, and maps of every source against every target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from petrecon.phantoms.grids import HEAD_MM
from petrecon.studies.petite_slices import SliceSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_pairs(scans: Mapping[str, SliceSet], k: int = 0) -> Figure:
    """Draw the short and the long scan of head k on every scanner, as a network sees them: each scaled to [0, 1].

    Parameters
    ----------
    scans : mapping of SliceSet
        Printed name of the scanner → its slices. All are drawn to the same scale.
    k : int
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(
        2, len(scans), figsize=(8.4, 1.2 + 6.0 / len(scans) * 2.0), squeeze=False, layout="constrained"
    )
    for column, (name, one) in zip(axes.T, scans.items(), strict=True):
        half = [n * size / 2 for n, size in zip(one.short.shape[1:], one.voxel_size[:2], strict=True)]
        for ax, scan, title in zip(column, one.scaled(), (f"{name}\n5 min", "30 min"), strict=True):
            extent = (-half[0], half[0], -half[1], half[1])
            ax.imshow(scan[k].numpy().T, origin="lower", extent=extent, vmin=0, vmax=1, cmap="gray_r")
            ax.set(xlim=(-HEAD_MM, HEAD_MM), ylim=(-HEAD_MM, HEAD_MM), title=title)
            ax.set_axis_off()
    return fig


def draw_transfer(maps: Mapping[str, NDArray[Any]], names: Sequence[str], label: str, digits: int = 1) -> Figure:
    """Draw maps [trained on, used on] side by side on one scale.

    Parameters
    ----------
    maps : mapping of (n, n) array
        Title → values.
    names : sequence of str
        The n scanners.
    label : str
        Quantity and unit, of the colour bar.
    digits : int
        Decimals written into the squares.
    """
    import matplotlib.pyplot as plt

    low, high = (pick([pick(values) for values in maps.values()]) for pick in (np.min, np.max))
    fig, row = plt.subplots(
        1, len(maps), figsize=(8.4, 0.6 + 7.6 / len(maps)), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, (title, values) in zip(row[0], maps.items(), strict=True):
        drawn = ax.imshow(values, vmin=low, vmax=high, cmap="cividis")
        ax.set(title=title, xlabel="used on (scanner)")
        ax.set_xticks(range(len(names)), names, rotation=40, ha="right", size=8)
        ax.set_yticks(range(len(names)), names, size=8)
        ax.grid(False)
        for (i, j), value in np.ndenumerate(values):
            ink = "white" if value < (low + high) / 2 else "black"
            words = f"{round(float(value), digits) + 0.0:+.{digits}f}"  # + 0.0: no minus before a zero
            ax.text(j, i, words, ha="center", va="center", size=9, color=ink)
    row[0, 0].set_ylabel("trained on (scanner)")
    fig.colorbar(drawn, ax=row[0], label=label, shrink=0.8)
    return fig
