"""Grids of slices that are compared: one scale, their errors, their scores, and alternative text by ranking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from petrecon.compendium.notebook.alt_text import ranking
from petrecon.compendium.notebook.figures import image, show
from petrecon.compendium.notebook.panel_grid import (
    Lines,
    Rows,
    Slice,
    as_slice,
    by_row,
    check_titles,
    head_crop,
    largest_of,
    lay_out,
    truth_of,
)
from petrecon.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIZE = 9
_WIDTH, _WIDEST, _BAR, _TITLE = 8.4, 2.6, 0.9, 0.25  # inches: figure, widest panel, colour bars, a line of titles


def panels(
    images: Mapping[str, Any],
    *,
    voxel_size: Any,
    name: str,
    caption: str,
    unit: str = "kBq/mL",
    quantity: str = "activity",
    truth: Any = None,
    errors: bool | str = False,
    mr: Iterable[str] = (),
    maps: Iterable[str] = (),
    sinograms: Iterable[str] = (),
    scores: Mapping[str, Any] | None = None,
    score_name: str = "PSNR",
    score_unit: str = "dB",
    score_digits: int = 1,
    crop: float | tuple[float, float] | None = None,
    top: float | None = None,
    error_top: float | None = None,
    relative: bool = False,
    columns: int | None = None,
    alt: str = "",
) -> None:
    """Show slices side by side: activity dark on white and on one scale, MR grey with white matter bright.

    Parameters
    ----------
    images : mapping of title to (X, Y) image, or mapping of row title to such a mapping
        Tensors or arrays. Titles alone are wrapped after `columns`.
    voxel_size : float, tuple of float, or mapping of row title to these
        Millimetres; of a tuple the first two count.
    name, caption : str
        As in `show`.
    unit, quantity : str
        What the images show, for the colour bars; an empty unit for what has none.
    truth : str, (X, Y) image, or mapping of row title to image, optional
        What errors are taken from: the title of one of the images, or an image that is not shown.
    errors : bool or "absolute"
        Below each image, its difference from the truth (image minus truth), or that without its sign.
    mr : iterable of str
        Titles of MR images, on a scale of their own. With errors, the row's first MR stands below its truth.
    maps : iterable of str
        Titles of images that are errors already, to be drawn on the scale of errors.
    sinograms : iterable of str
        Titles of sinograms (radial bins, views), stretched to their panel, on a scale of their own.
    scores : mapping of title to number or samples, or of row title to such a mapping, optional
        Written in the titles (of samples, the mean) and ranked in the alternative text; a title that is not shown
        is only ranked.
    score_name, score_unit, score_digits : str, str, int
        What the scores are, and how they are written.
    crop : float or (float, float), optional
        Half the side that is shown, or half sides in x and y, in mm around the centre; `math.inf` for the whole
        field. Without it, the square that holds the head.
    top, error_top : float, optional
        Upper ends of the scales. Without them the maximum of the truth (of all images without one), and half of it.
    relative : bool
        Divide every row by the maximum of its truth (of its images without one), so that rows share one scale.
    columns : int, optional
        Panels in a line.
    alt : str
        Alternative text; else the ranking of the scores, of root mean square errors, or of the maxima.

    Raises
    ------
    InputError
        If there is no image or one is not 2D, if a title in `truth`, `mr` or `maps` is none of the images', if
        errors are asked for without a truth, or what `show` raises.
    """
    rows: Rows = {row: {t: as_slice(x) for t, x in several.items()} for row, several in by_row(images).items()}
    check_titles(rows, [*mr, *maps, *sinograms])
    truths, other = truth_of(rows, truth), {*mr, *maps, *sinograms}
    if errors and not truths:
        raise InputError(f"figure {name}: errors need a truth")
    steps = {row: _step(voxel_size[row] if isinstance(voxel_size, Mapping) else voxel_size) for row in rows}
    half = np.broadcast_to(head_crop(rows, truths, steps) if crop is None else crop, (2,))
    if relative:
        unit = f"of the {'truth' if truths else 'row'}'s maximum"
        largest = {row: largest_of(row, rows, truths, other) for row in rows}
        rows = {
            r: {t: x if t in {*mr, *sinograms} else x / largest[r] for t, x in several.items()}
            for r, several in rows.items()
        }
        truths = {row: picture / largest[row] for row, picture in truths.items()}
    top = max(largest_of(row, rows, truths, other) for row in rows) if top is None else top
    scored = by_row(scores) if scores else {}
    means = {row: {t: float(np.mean(np.asarray(v))) for t, v in several.items()} for row, several in scored.items()}
    titles = {
        row: {t: f"{t}, {v:.{score_digits}f} {score_unit}".rstrip() for t, v in several.items()}
        for row, several in means.items()
    }
    lines = lay_out(
        rows,
        truths,
        own=truth if isinstance(truth, str) else None,
        mr=mr,
        maps=maps,
        sinograms=sinograms,
        errors=bool(errors),
        titles={row: titles.get(row, {}) for row in rows},
        columns=columns,
    )
    scales = _Scales(top, top / 2 if error_top is None else error_top, quantity, unit, errors == "absolute")
    fig = _draw(lines, steps, np.minimum(half, _field(rows, steps)), scales)
    show(
        fig,
        name=name,
        caption=caption,
        alt=alt
        or _alt(
            rows, truths, other | {truth} if isinstance(truth, str) else other, means, scales, (score_name, score_unit)
        ),
        dimensionless=[] if unit else [scales.label("activity"), scales.label("error")],
    )


@dataclass(frozen=True)
class _Scales:
    """The scales of a grid, and what its colour bars say."""

    top: float
    error_top: float
    quantity: str
    unit: str
    absolute: bool

    def label(self, kind: str) -> str:
        text = self.quantity if kind == "activity" else "absolute error" if self.absolute else "error"
        return f"{text}\n({self.unit})" if self.unit else text

    def of(self, kind: str) -> dict[str, Any]:
        if kind == "mr":
            return {"cmap": "gray"}
        if kind == "activity":
            return {"vmin": 0, "vmax": self.top}
        if self.absolute:
            return {"vmin": 0, "vmax": self.error_top, "cmap": "BuPu"}
        return {"vmin": -self.error_top, "vmax": self.error_top, "cmap": "RdBu_r"}


def _draw(lines: Lines, steps: Mapping[str, Slice], half: Slice, scales: _Scales) -> Figure:
    """Return the figure: the bar of activity stands beside the upper lines, that of errors beside the lower."""
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


def _field(rows: Rows, steps: Mapping[str, Slice]) -> Slice:
    """Return half the sides, in mm, of the largest field of view."""
    shapes = {row: next(iter(several.values())).shape for row, several in rows.items()}
    return np.max([np.array(shapes[row]) * steps[row] / 2 for row in rows], axis=0)


def _step(voxel_size: Any) -> Slice:
    return np.broadcast_to(np.asarray(voxel_size, dtype=float).ravel()[:2], (2,))


def _alt(
    rows: Rows,
    truths: Mapping[str, Slice],
    beside: set[str],
    means: Mapping[str, Mapping[str, float]],
    scales: _Scales,
    score: tuple[str, str],
) -> str:
    """Return which image of each row has the highest and the lowest score, error or maximum."""
    if means:
        return _ranked(means, *score)
    ranked = {row: {t: x for t, x in several.items() if t not in beside} for row, several in rows.items()}
    if truths:
        apart = {
            row: {t: float(np.sqrt(np.mean((x - truths[row]) ** 2))) for t, x in several.items()}
            for row, several in ranked.items()
        }
        return _ranked(apart, "root mean square error", scales.unit)
    return _ranked(
        {row: {t: float(x.max()) for t, x in v.items()} for row, v in ranked.items()}, "the largest value", scales.unit
    )


def _ranked(values: Mapping[str, Mapping[str, float]], quantity: str, unit: str) -> str:
    parts = []
    for row, several in values.items():
        several = {" ".join(title.split()): value for title, value in several.items()}
        only = next(iter(several), "")
        text = (
            ranking(several, quantity, unit)
            if len(several) > 1
            else f"{quantity} of {only} is {several[only]:.3g} {unit}"
            if several
            else ""
        )
        parts += [f"{row}: {text}" if row else text] if several else []
    return "; ".join(parts).strip() + "."
