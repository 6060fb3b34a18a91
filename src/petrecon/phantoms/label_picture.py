"""A picture of what was understood of a label map: its tissues in three planes, left and right marked, with volumes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from petrecon.errors import InputError
from petrecon.phantoms.anatomy import Anatomy, load_anatomy
from petrecon.phantoms.regions import BRAIN_TISSUES, TISSUES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {
    "air": "#ffffff",
    "grey": "#0072b2",
    "white": "#f0e442",
    "deep-grey": "#d55e00",
    "cerebellum-grey": "#56b4e9",
    "cerebellum-white": "#e69f00",
    "brainstem": "#cc79a7",
    "csf": "#009e73",
    "skull": "#999999",
    "scalp": "#dddddd",
}
"""Colours that colour-blind readers can tell apart (Okabe and Ito), by tissue."""

_PLANES = (("axial", (0, 1), "xy"), ("coronal", (0, 2), "xz"), ("sagittal", (1, 2), "yz"))


def tissue_table(head: Anatomy) -> Any:
    """Return what a head is made of: a DataFrame with the columns tissue, regions (number of them) and volume (mL)."""
    import pandas as pd

    counts = np.bincount(head.labels.ravel())
    rows = []
    for tissue in TISSUES[1:]:
        labels = [n for n, region in head.regions.items() if region.tissue == tissue]
        if labels:
            rows.append((tissue, len(labels), float(counts[labels].sum()) * float(np.prod(head.voxel_size)) / 1000))
    return pd.DataFrame(rows, columns=["tissue", "regions", "volume (mL)"])


def draw_labels(head: Anatomy) -> Figure:
    """Draw a head's tissues in three planes through its deep grey matter, or else through the middle of its brain.

    Axes are in mm of the head's world. Letters mark the sides: left and right, anterior and
    posterior, superior and inferior.
    """
    import matplotlib.pyplot as plt
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.patches import Patch

    code = np.zeros(int(head.labels.max()) + 1, dtype=np.uint8)
    for n, region in head.regions.items():
        code[n] = TISSUES.index(region.tissue)
    tissues = code[head.labels]
    middle = _middle(tissues)
    cmap, norm = ListedColormap([COLOURS[t] for t in TISSUES], "tissues"), BoundaryNorm(np.arange(11) - 0.5, 10)
    fig, axes = plt.subplots(1, 3, figsize=(9.6, 4.4), constrained_layout=True)
    for ax, (plane, (across, up), names) in zip(axes, _PLANES, strict=True):
        cut = 3 - across - up
        low = head.origin - 0.5
        high = low + np.array(head.labels.shape)
        extent = (low[across], high[across], low[up], high[up])
        shown = tissues.take(middle[cut], axis=cut).T
        ax.imshow(shown, origin="lower", extent=extent, cmap=cmap, norm=norm, interpolation="nearest")
        ax.grid(False)
        ax.set(xlabel=f"{names[0]} (mm)", ylabel=f"{names[1]} (mm)")
        ax.set_title(f"{plane}, {'xyz'[cut]} = {head.origin[cut] + middle[cut]:.0f} mm")
        for letter, where in zip("LR" if across == 0 else "PA", (0.04, 0.96), strict=True):
            ax.text(where, 0.5, letter, transform=ax.transAxes, ha="center", va="center", weight="bold")
        for letter, where in zip("PA" if up == 1 else "IS", (0.04, 0.96), strict=True):
            ax.text(0.5, where, letter, transform=ax.transAxes, ha="center", va="center", weight="bold")
    found = tissue_table(head)
    handles = [
        Patch(facecolor=COLOURS[t], edgecolor="0.3", label=f"{t} {v:.0f} mL")
        for t, v in zip(found["tissue"], found["volume (mL)"], strict=True)
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=5, fontsize="small", frameon=False)
    return fig


def in_words(head: Anatomy) -> str:
    """Return the picture in words: volume by tissue, and on which side two regions that are named for one lie."""
    found = tissue_table(head)
    parts = [f"{t} {v:.0f} mL" for t, v in zip(found["tissue"], found["volume (mL)"], strict=True)]
    left = [n for n, region in head.regions.items() if region.name.startswith("left-")]
    text = f"Three planes of a head in ten colours: {', '.join(parts)}."
    if left:
        x = np.argwhere(np.isin(head.labels, left))[:, 0].mean() + head.origin[0] - head.centre[0]
        text += f" Regions named left lie {abs(x):.0f} mm {'left' if x < 0 else 'right'} of the middle."
    return text


def describe_labels(path: str, label_table: str | None = None, out: Path | str | None = None) -> str:
    """Return what is understood of a label map, as text; with `out` (.png, .pdf or .svg), also write its picture there.

    Raises
    ------
    InputError
        As `load_anatomy`, or if the picture cannot be written there.
    """
    if out is not None:
        out = Path(out)
        if out.suffix not in (".png", ".pdf", ".svg") or not out.absolute().parent.is_dir():
            raise InputError(f"{out}: name the picture .png, .pdf or .svg, in a folder that is there")
    head = load_anatomy(path, label_table)
    table = tissue_table(head).to_string(index=False, float_format=lambda v: f"{v:.0f}")
    if out is not None:
        import matplotlib.pyplot as plt

        fig = draw_labels(head)
        fig.savefig(out, dpi=120)
        plt.close(fig)
    return f"{head.source}\n{table}" + (f"\n{out}" if out else "")


def _middle(tissues: Any) -> tuple[int, int, int]:
    for chosen in (("deep-grey",), BRAIN_TISSUES, TISSUES[1:]):
        there = np.isin(tissues, [TISSUES.index(t) for t in chosen])
        if there.any():
            break
    spans = [np.flatnonzero(there.any(axis=tuple(d for d in range(3) if d != axis))) for axis in range(3)]
    x, y, z = (int((s[0] + s[-1]) // 2) for s in spans)
    if chosen == ("deep-grey",):
        x += int(0.4 * (spans[0][-1] - x))  # a sagittal plane between the hemispheres shows little
    return x, y, z
