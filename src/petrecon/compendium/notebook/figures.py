"""Figures as the book shows them: caption, units, a fair colour map, alternative text."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from petrecon.compendium.notebook.by_hand import by_hand, unlabelled
from petrecon.compendium.notebook.shown import DPI, check_words, show_data
from petrecon.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

MIN_ALT = 30
PALETTE = ("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#949494", "#ece133", "#56b4e9")
MISLEADING = frozenset(
    [
        "jet",
        "rainbow",
        "gist_rainbow",
        "hsv",
        "nipy_spectral",
        "gist_ncar",
        "prism",
        "flag",
        "turbo",
        "gist_earth",
        "gist_stern",
        "terrain",
        "ocean",
        "brg",
        "gnuplot",
        "gnuplot2",
        "CMRmap",
        "spring",
        "summer",
        "autumn",
        "winter",
        "cool",
        "Spectral",
    ]
)
_UNIT = re.compile(r"\([^()]+\)|\[[^\[\]]+\]|\ba\.u\.|%")


def style() -> None:
    """Set the book's look: readable sizes, few lines, a palette that colour-blind readers can tell apart."""
    import matplotlib as mpl
    from cycler import cycler

    mpl.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=PALETTE),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.titlesize": "medium",
            "figure.constrained_layout.use": True,
            "figure.figsize": (6.4, 4.0),
            "font.size": 10,
            "grid.alpha": 0.3,
            "image.cmap": "gray_r",
            "image.interpolation": "nearest",
            "legend.frameon": False,
            "lines.linewidth": 1.8,
        }
    )


def show(fig: Figure, *, name: str, caption: str, alt: str, dimensionless: Iterable[str] = ()) -> None:
    """Show a figure so that the book can number it, caption it and describe it; then close it.

    Parameters
    ----------
    fig : Figure
        The figure. Every axes that shows its axis must name both axes, each with a unit in brackets or
        `a.u.`.
    name : str
        Its label, `fig-…`, unique in the book (put `@RUN@` in it when several runs of the notebook are
        shown; by hand it is left out).
    caption : str
        One or two sentences.
    alt : str
        What the figure says, in words computed from the data (see `trend`, `ranking`); at least 30
        characters.
    dimensionless : iterable of str
        Axis labels that need no unit: `["iteration", "SSIM"]`.

    Raises
    ------
    InputError
        If one of these is missing, or a colour map misleads.
    """
    name = unlabelled(name) if by_hand() else name
    check_words(name, caption)
    if len(alt.strip()) < MIN_ALT:
        raise InputError(f"figure {name}: alt text must say what the figure shows, in {MIN_ALT} characters or more")
    if alt.strip() == caption.strip():
        raise InputError(f"figure {name}: alt text repeats the caption; say what the data do instead")
    _check_axes(fig, name, frozenset(dimensionless))
    picture = _png(fig)
    _close(fig)
    show_data(
        {"image/png": picture, "text/plain": alt},
        {"kind": "figure", "name": name, "caption": caption, "alt": alt},
    )


def _png(fig: Figure) -> bytes:
    """Return a figure as PNG without the alpha channel that no page needs: a tenth smaller, the same pixels."""
    from PIL import Image

    drawn, small = io.BytesIO(), io.BytesIO()
    fig.savefig(drawn, format="png", dpi=DPI, metadata={"Software": None})
    Image.open(drawn).convert("RGB").save(small, format="PNG", optimize=True, dpi=(DPI, DPI))
    return small.getvalue()


def image(
    ax: Axes,
    array: Any,
    voxel_size: float | tuple[float, float],
    *,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: str = "gray_r",
    label: str = "",
    axes: bool = True,
) -> AxesImage:
    """Draw a slice indexed (x, y) in millimetres, x to the right and y upwards, centred on the field of view.

    Parameters
    ----------
    ax : Axes
        Where.
    array : (x, y) array-like
        The slice; torch tensors are welcome.
    voxel_size : float or (float, float)
        Millimetres.
    vmin, vmax : float, optional
        Grey scale; give the same to pictures that are compared.
    cmap : str
        Colour map.
    label : str
        Quantity and unit of the colour bar, `"activity (kBq/mL)"`; no colour bar when empty.
    axes : bool
        False hides the axes, for rows of small pictures.
    """
    values = np.asarray(array.detach().cpu() if hasattr(array, "detach") else array)
    if values.ndim != 2:
        raise InputError(f"image() draws a 2D slice (x, y), got shape {values.shape}")
    step = np.broadcast_to(np.asarray(voxel_size, dtype=float), (2,))
    half = step * values.shape / 2
    extent = (-half[0], half[0], -half[1], half[1])
    drawn = ax.imshow(values.T, origin="lower", extent=extent, vmin=vmin, vmax=vmax, cmap=cmap)
    ax.grid(False)
    if axes:
        ax.set_xlabel("x (mm)")
        ax.set_ylabel("y (mm)")
    else:
        ax.set_axis_off()
    if label:
        ax.figure.colorbar(drawn, ax=ax, label=label, fraction=0.046, pad=0.04)
    return drawn


def _check_axes(fig: Figure, name: str, dimensionless: frozenset[str]) -> None:
    for ax in fig.axes:
        for part in (*ax.images, *ax.collections):
            cmap = part.get_cmap().name if part.get_array() is not None else ""
            if cmap.removesuffix("_r") in MISLEADING:
                raise InputError(f"figure {name}: colour map {cmap} misleads; use viridis, cividis, gray_r or RdBu_r")
        if not ax.has_data() or not ax.axison:
            continue
        if ax.get_label() == "<colorbar>":
            text = ax.get_ylabel() or ax.get_xlabel()
            _check_label(name, "the colour bar", text, dimensionless)
            continue
        for axis, shared in (("x", ax.get_shared_x_axes()), ("y", ax.get_shared_y_axes())):
            group = [ax, *shared.get_siblings(ax)]
            labels = [getattr(other, f"get_{axis}label")() for other in group]
            outer = getattr(fig, f"get_sup{axis}label")()
            text = next((label for label in [*labels, outer] if label), "")
            words = _has_words(getattr(ax, f"{axis}axis"))
            _check_label(name, f"an {axis} axis" if axis == "x" else "a y axis", text, dimensionless, words=words)


def _check_label(name: str, what: str, text: str, dimensionless: frozenset[str], *, words: bool = False) -> None:
    if words:
        return
    if not text:
        raise InputError(f"figure {name}: {what} has no label")
    if text not in dimensionless and not _UNIT.search(text):
        raise InputError(
            f"figure {name}: {what} is labelled {text!r} without a unit: "
            f"write '{text} (unit)', or list it in dimensionless"
        )


def _has_words(axis: Any) -> bool:
    """Tell whether an axis counts things by name (its ticks are words), so that it needs no unit."""
    labels = [tick.get_text() for tick in axis.get_ticklabels()]
    return any(re.search(r"[A-Za-z]{2}", re.sub(r"\\\w+", "", label)) for label in labels)


def _close(fig: Figure) -> None:
    import matplotlib.pyplot as plt

    plt.close(fig)
