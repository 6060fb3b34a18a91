"""Pictures of the study: scanners side by side, squares of numbers, and gains against what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from petrecon.compendium import image
from petrecon.compendium.notebook.panel_grid import head_crop
from petrecon.metrics import interval
from petrecon.peft import mixes, single_methods
from petrecon.studies.petite_recipes import PRINTED, STATISTICS_KEPT, row_title, same_as
from petrecon.studies.petite_results import UNITS, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_SMALL = 8


def draw_scanners(slices: Mapping[str, Mapping[str, Any]], voxel_mm: Mapping[str, float]) -> Figure:
    """Draw slices of one head on several scanners, a column each, on one scale and cropped to the head.

    Parameters
    ----------
    slices : mapping of scanner to mapping of title to (X, Y) image
        Scaled to [0, 1]; the last image of each scanner is the least noisy one.
    voxel_mm : mapping of scanner to float
        Side of a voxel.
    """
    import matplotlib.pyplot as plt

    pictures = {name: {t: np.asarray(x.cpu()) for t, x in several.items()} for name, several in slices.items()}
    clearest = {name: list(several.values())[-1] for name, several in pictures.items()}
    half = head_crop(pictures, clearest, {name: np.full(2, step) for name, step in voxel_mm.items()})
    lines = len(next(iter(pictures.values())))
    size = (8.4, 0.5 + lines * 1.75)
    fig, axes = plt.subplots(lines, len(pictures), figsize=size, squeeze=False, layout="constrained")
    for column, (name, several) in zip(axes.T, pictures.items(), strict=True):
        for ax, (title, picture) in zip(column, several.items(), strict=True):
            drawn = image(ax, picture, voxel_mm[name], vmin=0, vmax=1, axes=False)
            ax.set(xlim=(-half, half), ylim=(-half, half))
            ax.set_title(f"{name}\n{title}" if ax is column[0] else title, size=9)
    fig.colorbar(drawn, ax=axes, label="scaled activity", shrink=0.5)
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

    everything = np.stack(list(maps.values()))
    limits = float(everything.min()), float(everything.max())
    size = (8.4, 0.6 + 7.6 / len(maps))
    fig, row = plt.subplots(1, len(maps), figsize=size, sharey=True, squeeze=False, layout="constrained")
    for ax, (title, values) in zip(row[0], maps.items(), strict=True):
        drawn = _squares(ax, values, limits, digits, 9)
        ax.set(title=title, xlabel="used on (scanner)")
        ax.set_xticks(range(len(names)), names, rotation=40, ha="right", size=_SMALL)
        ax.set_yticks(range(len(names)), names, size=_SMALL)
    row[0, 0].set_ylabel("trained on (scanner)")
    fig.colorbar(drawn, ax=row[0], label=label, shrink=0.8)
    return fig


def draw_rates(gains: Mapping[str, Mapping[float, float]], grid: Sequence[float], floor: float = -1.0) -> Figure:
    """Draw the gain of every row at every multiple of its learning rate that was tried, the best one framed.

    Parameters
    ----------
    gains : mapping of title to mapping of multiple to gain
        dB; −inf where the training diverged.
    grid : sequence of float
        All multiples.
    floor : float
        Losses beyond it share a colour, dB.
    """
    import matplotlib.pyplot as plt

    values = np.array([[several.get(factor, np.nan) for factor in grid] for several in gains.values()])
    shown = np.clip(values, floor, None)
    fig, ax = plt.subplots(figsize=(8.4, 0.8 + 0.28 * len(gains)), layout="constrained")
    drawn = _squares(ax, values, (float(np.nanmin(shown)), float(np.nanmax(shown))), 2, _SMALL)
    ax.set_aspect("auto")
    for i, best in enumerate(np.nanargmax(values, axis=1)):
        ax.add_patch(plt.Rectangle((best - 0.47, i - 0.45), 0.94, 0.9, fill=False, color="C3", lw=1.5))
    ax.set_xticks(range(len(grid)), [f"× {factor:g}" for factor in grid])
    ax.set_yticks(range(len(gains)), list(gains), size=_SMALL)
    ax.set_xlabel("multiple of the published learning rate")
    fig.colorbar(drawn, ax=ax, label="gain over No-FT (dB)")
    return fig


def _squares(ax: Axes, values: NDArray[Any], limits: tuple[float, float], digits: int, size: float) -> AxesImage:
    """Draw a map with its numbers written into its squares; nothing where there is no number."""
    low, high = limits
    drawn = ax.imshow(np.clip(values, low, high), vmin=low, vmax=high, cmap="cividis")
    ax.grid(False)
    for (i, j), value in np.ndenumerate(values):
        if np.isnan(value):
            continue
        ink = "white" if value < (low + high) / 2 else "black"
        number = f"{round(float(value), digits) + 0.0:+.{digits}f}"  # + 0.0: no minus before a zero
        text = number if np.isfinite(value) else "diverged"
        ax.text(j, i, text, ha="center", va="center", size=size, color=ink)
    return drawn


def draw_gains(studies: Mapping[str, Study], printed: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draw what every method of Table 1 gains over No-FT: each pair of scanners, their mean, and the paper's gain.

    Parameters
    ----------
    studies : mapping of network to Study
    printed : mapping of network to mapping of row to (per cent, PSNR in dB, …)
        As the paper has them.
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, len(studies), figsize=(8.4, 3.8), sharex=True, layout="constrained")
    for ax, (network, study) in zip(axes, studies.items(), strict=True):
        psnr = {row: values[1] for row, values in printed[network].items()}
        rows = [STATISTICS_KEPT, *reversed(single_methods(network))]
        rows = [row for row in rows if row in study.rows and row != "no-ft"]
        for y, row in enumerate(rows):
            gain, label = study.gain(row, "no-ft"), y == 0
            ax.plot(gain, [y] * len(gain), ".", color="0.6", label="one pair" if label else None)
            ax.plot(np.mean(gain), y, "o", color="C0", label="mean" if label else None)
            theirs = psnr.get(row, np.nan) - psnr["no-ft"]
            ax.plot(theirs, y, "D", mfc="none", color="C1", label="paper" if label else None)
        ax.axvline(0, color="0.6", lw=0.8)
        ax.set(title=PRINTED[network], xlabel="gain over No-FT (dB)")
        ax.set_yticks(range(len(rows)), [row_title(network, row) for row in rows])
    axes[-1].legend(fontsize=_SMALL, loc="lower left")
    return fig


def draw_costs(studies: Mapping[str, Study]) -> Figure:
    """Draw the gain over No-FT of every row against parameters, memory and time; bars are intervals over pairs."""
    import matplotlib.pyplot as plt

    costs = {"per_cent": "parameters (%)", "bytes": "peak memory (relative to Full-FT)"}
    costs |= {"seconds": "time per step (relative to Full-FT)"}
    size = (8.4, 3.0 * len(studies))
    fig, axes = plt.subplots(len(studies), 3, figsize=size, sharey="row", squeeze=False, layout="constrained")
    for line, (network, study) in zip(axes, studies.items(), strict=True):
        rows = [*(same_as(network, recipe) for recipe in mixes(network).values()), *_MARKERS, study.full]
        for ax, (metric, label) in zip(line, costs.items(), strict=True):
            for row in rows:
                alike = "full-ft" if row == STATISTICS_KEPT else row  # the same step
                ratio = float(np.mean(study.ratio(metric, alike))) if metric != "per_cent" else 0.0
                x = study.value("per_cent", row) if metric == "per_cent" else ratio
                gain = interval(study.gain(row, "no-ft"), units=UNITS)
                edges = [[max(0.0, gain.value - gain.low)], [max(0.0, gain.high - gain.value)]]
                ax.errorbar(x, gain.value, yerr=edges, lw=0.8, **_look(network, row, study.full))
            ax.set(xlabel=label, xscale="log" if metric == "per_cent" else "linear")
        line[0].set_ylabel(f"{PRINTED[network]}: gain over No-FT (dB)")
    handles = dict(zip(*reversed(axes[0, 0].get_legend_handles_labels()), strict=True))
    fig.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5)
    return fig


_MARKERS = dict(zip(["layernorm", "bitfit", "lora", "adapters", "ssf", "vpt"], "<>^vsD", strict=True))


def _look(network: str, row: str, full: str) -> dict[str, Any]:
    """Return how a row is drawn among all."""
    if row == "petite":
        return {"fmt": "*", "color": "C3", "ms": 11, "label": "PETITE", "zorder": 3}
    if row == full:
        return {"fmt": "P", "color": "k", "ms": 7, "label": "Full-FT"}
    if row in _MARKERS:
        return {"fmt": _MARKERS[row], "color": "C0", "ms": 6, "label": row_title(network, row)}
    return {"fmt": "o", "color": "C1", "ms": 4, "label": "a mix"}
