"""Which slice stands where in a grid of slices that are compared, how it is drawn, and how much of it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import InputError, did_you_mean

Slice = NDArray[np.float64]
Rows = dict[str, dict[str, Slice]]

_IN_HEAD = 0.05  # of the maximum
_MANY = 5


@dataclass(frozen=True)
class Panel:
    """One slice of a grid: what it is (`activity`, `mr`, `sinogram` or `error`), its row, and the title above it."""

    picture: Slice
    kind: str
    row: str
    title: str = ""


Lines = list[list[Panel | None]]


def by_row(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a mapping of rows; titles without rows become the only row, whose title is empty."""
    nested = [isinstance(value, Mapping) for value in values.values()]
    if not values or any(nested) != all(nested):
        raise InputError("panels take a mapping of title to image, or of row title to such a mapping")
    return {row: dict(several) for row, several in values.items()} if all(nested) else {"": dict(values)}


def as_slice(picture: Any) -> Slice:
    """Return a tensor or array as an (X, Y) array of doubles."""
    values = np.asarray(picture.detach().cpu() if hasattr(picture, "detach") else picture, dtype=np.float64)
    if values.ndim != 2:
        raise InputError(f"a panel is a 2D slice (x, y), got shape {values.shape}")
    return values


def truth_of(rows: Rows, truth: Any) -> dict[str, Slice]:
    """Return each row's truth, from a title, an image for all, or a mapping of rows; empty without one."""
    if truth is None:
        return {}
    if isinstance(truth, str):
        check_titles(rows, [truth])
        return {row: several[truth] for row, several in rows.items() if truth in several}
    if isinstance(truth, Mapping):
        return {row: as_slice(truth[row]) for row in rows}
    return dict.fromkeys(rows, as_slice(truth))


def check_titles(rows: Mapping[str, Mapping[str, Any]], titles: Iterable[str]) -> None:
    """Raise InputError, with the nearest title, unless each of these is the title of an image."""
    known = {title for several in rows.values() for title in several}
    for title in titles:
        if title not in known:
            raise InputError(f"no panel is titled {title!r}.{did_you_mean(title, known)}")


def largest_of(row: str, rows: Rows, truths: Mapping[str, Slice], other: Iterable[str]) -> float:
    """Return the maximum of a row's truth, or of its images of activity without one."""
    if row in truths:
        return float(truths[row].max())
    return max((float(x.max()) for title, x in rows[row].items() if title not in other), default=1.0)


def head_crop(rows: Rows, truths: Mapping[str, Slice], voxel_size: Mapping[str, Any]) -> float:
    """Return half the side, in mm, of the centred square that holds what is in the head of every row."""
    return max(_reach(truths.get(row, next(iter(several.values()))), voxel_size[row]) for row, several in rows.items())


def _reach(picture: Slice, voxel_size: Any) -> float:
    inside = np.argwhere(picture > _IN_HEAD * picture.max())
    if not len(inside):
        return float("inf")
    step, shape = np.array(voxel_size), np.array(picture.shape)
    ends = np.abs(np.array([inside.min(0), inside.max(0) + 1]) - shape / 2) * step
    return float(ends.max() + 2 * step.max())


def lay_out(
    rows: Rows,
    truths: Mapping[str, Slice],
    *,
    own: str | None,
    mr: Iterable[str],
    maps: Iterable[str],
    sinograms: Iterable[str],
    errors: bool,
    titles: Mapping[str, Mapping[str, str]],
    columns: int | None,
) -> Lines:
    """Return the lines of a grid; below every line of images its line of errors, where those are asked for.

    Parameters
    ----------
    rows : mapping of row title to mapping of title to (X, Y) array
    truths : mapping of row title to (X, Y) array
    own : str or None
        The title of the truth, when that is one of the images; below it stands the row's first MR.
    mr, maps, sinograms : iterable of str
        Titles of MR images, of images that are errors already, and of sinograms.
    errors : bool
    titles : mapping of row title to mapping of title to str
        What to write above each image.
    columns : int or None
        Panels in a line; None for all of them in a grid, and for at most five without row titles.
    """
    mr, lines = set(mr), Lines()
    special = {**dict.fromkeys(mr, "mr"), **dict.fromkeys(maps, "error"), **dict.fromkeys(sinograms, "sinogram")}
    for row, several in rows.items():
        below = next((title for title in several if title in mr), None) if errors and own in several else None
        shown = [title for title in several if title != below]
        for line in _wrap(shown, columns or (len(shown) if row else _even(len(shown)))):
            kinds = {title: special.get(title, "activity") for title in line}
            lines.append([Panel(several[t], kinds[t], row, titles[row].get(t, t)) for t in line])
            beneath = [
                Panel(several[t] - truths[row], "error", row)
                if errors and kinds[t] == "activity" and t != own
                else None
                for t in line
            ]
            if below is not None and own in line:
                beneath[line.index(str(own))] = Panel(several[below], "mr", row, titles[row].get(below, below))
            if errors and any(beneath):
                lines.append(beneath)
    return _once(lines)


def _even(count: int) -> int:
    """Return how many panels a line has so that lines of at most five are about equally long."""
    return -(-count // -(-count // _MANY))


def _wrap(titles: list[str], columns: int) -> list[list[str]]:
    return [titles[k : k + columns] for k in range(0, len(titles), columns)]


def _once(lines: Lines) -> Lines:
    """Return the lines without titles that the line of images above has already."""
    last: list[str] = []
    kept = Lines()
    for line in lines:
        titles = [panel.title for panel in line if panel and panel.title]
        images = any(panel and panel.kind != "error" and panel.title for panel in line) and len(titles) > 1
        if images and titles == last:
            line = [panel and Panel(panel.picture, panel.kind, panel.row) for panel in line]
        last = titles if images else last
        kept.append(line)
    return kept
