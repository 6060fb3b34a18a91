"""Curves over one axis: drawn, labelled with units, and described by how each of them goes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from petrecon.compendium.notebook.alt_text import trend
from petrecon.compendium.notebook.figures import show
from petrecon.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curves = Mapping[str, Any]


def curves(
    lines: Mapping[str, Any],
    *,
    xlabel: str,
    ylabel: str,
    name: str,
    caption: str,
    x: Any = None,
    log: str = "",
    formats: Mapping[str, str | Mapping[str, Any]] | None = None,
    bands: Mapping[str, Any] | None = None,
    mark: Mapping[str, float] | None = None,
    alt: str = "",
    dimensionless: Iterable[str] = (),
) -> None:
    """Show curves over one axis, in one panel or in panels side by side.

    Parameters
    ----------
    lines : mapping of label to curve, or mapping of panel title to such a mapping
        A curve is (n,) values over `x`, or a pair (x, values), or (repetitions, n) values, of which every repetition is
        drawn thin and the mean thick. Panels share both axes.
    xlabel, ylabel : str
        Quantities with their units in brackets.
    name, caption : str
        As in `show`.
    x : (n,) array-like, optional
        The common abscissa; 1, 2, … without one.
    log : {"", "x", "y", "xy"}
        Which axes are logarithmic.
    formats : mapping of label to str or mapping, optional
        Format of a curve, ``"o-"`` or ``{"ls": "--", "color": "0.5"}``.
    bands : mapping of label to (low, high), optional
        A shaded band about a curve.
    mark : mapping of label to float, optional
        Dotted vertical lines.
    alt : str
        Alternative text; else how every curve goes.
    dimensionless : iterable of str
        As in `show`.

    Raises
    ------
    InputError
        If there is no curve, or what `show` raises.
    """
    from matplotlib import pyplot as plt

    if not lines:
        raise InputError(f"figure {name}: there is no curve")
    parts = dict(lines) if all(isinstance(value, Mapping) for value in lines.values()) else {"": lines}
    size = (6.6, 3.6) if len(parts) == 1 else (9.4, 3.6)
    fig, axes = plt.subplots(1, len(parts), figsize=size, sharex=True, sharey=True, squeeze=False)
    sentences = []
    for ax, (title, several) in zip(axes[0], parts.items(), strict=True):
        for label, curve in several.items():
            at, values = _points(curve, x)
            style = (formats or {}).get(label, {})
            _draw(ax, label, at, values, {"fmt": style} if isinstance(style, str) else style, (bands or {}).get(label))
            told = trend(at, np.nanmean(np.atleast_2d(values), axis=0), _bare(xlabel), label, _unit(ylabel))
            sentences.append(f"{title}, {told}" if title else told)
        for label, place in (mark or {}).items():
            ax.axvline(place, color="0.5", ls=":", label=label)
        ax.set(
            title=title,
            xlabel=xlabel,
            xscale="log" if "x" in log else "linear",
            yscale="log" if "y" in log else "linear",
        )
        if len(several) + len(mark or {}) > 1:
            ax.legend(fontsize="small")
    axes[0, 0].set_ylabel(ylabel)
    show(fig, name=name, caption=caption, alt=alt or "; ".join(sentences) + ".", dimensionless=dimensionless)


def _points(curve: Any, x: Any) -> tuple[np.ndarray, np.ndarray]:
    at, values = curve if isinstance(curve, tuple) else (x, curve)
    values = np.asarray(values, dtype=float)
    at = np.arange(1, values.shape[-1] + 1) if at is None else np.asarray(at, dtype=float)
    if values.ndim not in (1, 2) or at.shape != values.shape[-1:]:
        raise InputError(f"a curve has one value per point: got {values.shape} values at {at.shape} points")
    return at, values


def _draw(ax: Axes, label: str, at: np.ndarray, values: np.ndarray, style: Mapping[str, Any], band: Any) -> None:
    own = dict(style)
    fmt = own.pop("fmt", "-")
    line = ax.plot(at, np.atleast_2d(values).mean(0), fmt, label=label, **own)[0]
    if values.ndim == 2 and len(values) > 1:
        ax.plot(at, values.T, color=line.get_color(), alpha=0.3, lw=0.8)
    if band is not None:
        ax.fill_between(at, *band, alpha=0.3, color=line.get_color())


def _bare(label: str) -> str:
    return re.sub(r"\s*\([^()]*\)$", "", label)


def _unit(label: str) -> str:
    unit = re.search(r"\(((?:[^()]|\([^()]*\))*)\)$", label)
    return unit[1] if unit else ""
