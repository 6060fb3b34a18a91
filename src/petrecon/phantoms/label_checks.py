"""Is a label map what its table says? What anatomy itself rules out is refused, in one line that names the cure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import InputError
from petrecon.phantoms.label_places import Array, Places, refuse_astray, refuse_sides, refuse_upside_down
from petrecon.phantoms.label_tables import CURE, LabelTable
from petrecon.phantoms.registration import centroids

UNKNOWN = 0.5
"""The share of labelled voxels from which on a table is the wrong one."""

ALIKE, VALUES = 1 / 3, 30
"""An image of intensities: more than `VALUES` values, and fewer than `ALIKE` of all neighbours that hold the same one.
In label maps of 55 to 384 regions it is 82 % or more, in T1-weighted images and tissue probabilities 12 % or less."""


def check_labels(path: Path | str, data: NDArray[np.int32], affine: Array, table: LabelTable) -> None:
    """Raise `InputError` when a map cannot be what `table` says.

    Parameters
    ----------
    path : str or Path
        The file, for the message.
    data : (X, Y, Z) int32 array
        Numbers as in the file; 0 is air.
    affine : (4, 4) array
        Voxel index → world (RAS), mm.
    table : LabelTable

    Raises
    ------
    InputError
        If it is an image of intensities; if the table does not know the numbers (a user's own: any of them,
        FreeSurfer's: most voxels); if left lies right of right; if the head stands on its head or is back to front; if
        regions taken for FreeSurfer's do not lie where a brain has them.
    """
    refuse_intensities(path, data)
    places = centroids(data, affine)
    refuse_unknown(path, places, table)
    places = {n: place for n, place in places.items() if table.region(n).tissue != "air"}
    if not table.own:
        refuse_astray(path, places, table)
    refuse_sides(path, data, affine, places, table)
    refuse_upside_down(path, places, table)


def refuse_intensities(path: Path | str, data: NDArray[np.int32]) -> None:
    """Refuse an image of intensities given as labels: neighbours in a label map mostly share their number."""
    values = int(np.count_nonzero(np.bincount(data.ravel())[1:]))
    if values <= VALUES:
        return
    alike = pairs = 0
    for axis in range(3):
        one, next_one = np.moveaxis(data, axis, 0)[:-1], np.moveaxis(data, axis, 0)[1:]
        both = (one > 0) & (next_one > 0)
        pairs += int(both.sum())
        alike += int((both & (one == next_one)).sum())
    if alike < ALIKE * pairs:
        raise InputError(
            f"{path}: holds {values} values and {1 - alike / pairs:.0%} of neighbouring voxels differ: an image of "
            "intensities, not a label map; segment it first, or use load_activity for kBq/mL"
        )


def refuse_unknown(path: Path | str, places: Places, table: LabelTable) -> None:
    """Refuse a map that the table does not speak of."""
    total = sum(count for _, count in places.values())
    strange = [n for n in places if n not in table.rows]
    if table.own and strange:
        raise InputError(
            f"{path}: {table.title} does not name every number of the map; add a row for each of {len(strange)}: "
            f"{_some(strange)}"
        )
    share = sum(places[n][1] for n in strange) / total
    if share > UNKNOWN:
        raise InputError(
            f"{path}: {share:.0%} of its labelled voxels hold numbers that are not {table.title}: {_some(strange)}; "
            f"{CURE}"
        )


def _some(numbers: list[int]) -> str:
    return ", ".join(str(n) for n in sorted(numbers)[:5]) + (", …" if len(numbers) > 5 else "")
