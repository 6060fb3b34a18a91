"""Is a label map what its table says? What anatomy itself rules out is refused, in one line that names the cure."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import InputError
from petrecon.phantoms.label_tables import LabelTable
from petrecon.phantoms.regions import base_name, side_of
from petrecon.phantoms.registration import affine_fit, apply, centroids

Array = NDArray[np.float64]
Places = dict[int, tuple[Array, int]]

CURE = "say what they mean with --label-table my.csv (in Python label_table=; columns number, name, tissue, side)"

UNKNOWN = 0.5
"""The share of labelled voxels from which on a table is the wrong one."""

ALIKE, VALUES = 1 / 3, 30
"""An image of intensities: more than `VALUES` values, and fewer than `ALIKE` of all neighbours that hold the same one.
In label maps of 55 to 384 regions it is 82 % or more, in T1-weighted images and tissue probabilities 12 % or less."""

ONE_SIDE_MM = 105.0
"""No region of one hemisphere is as wide as this."""

ASTRAY_MM = 12.0
"""Regions of FreeSurfer's are found within this distance of their places in the atlas, as the median after an affine fit:
in individual brains 3 to 5 mm, in six atlases of other numbers that collide with FreeSurfer's 19 mm or more."""

ENOUGH = 8
"""So many regions must be shared with the atlas, or their places prove nothing."""


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
        one = len(strange) == 1
        raise InputError(
            f"{path}: {table.title} does not name {'number' if one else f'{len(strange)} numbers'} {_some(strange)} of the "
            f"map; add {'a row for it' if one else 'a row for each'}"
        )
    share = sum(places[n][1] for n in strange) / total
    if share > UNKNOWN:
        raise InputError(
            f"{path}: {share:.0%} of its labelled voxels hold numbers that are not {table.title}: {_some(strange)}; {CURE}"
        )


def refuse_sides(path: Path | str, data: NDArray[np.int32], affine: Array, places: Places, table: LabelTable) -> None:
    """Refuse a map whose left regions do not lie left of their twins, or reach over both hemispheres."""
    x, size, numbers = _along_x(places, table)
    apart = {name: x[_twin(name)] - x[name] for name in x if side_of(name) == "left" and _twin(name) in x}
    weight = {name: size[name] + size[_twin(name)] for name in apart}
    total = sum(weight.values())
    if total and sum(weight[name] for name in apart if apart[name] < -1.0) >= 0.9 * total:
        left = max(weight, key=lambda name: weight[name])
        count = sum(shift < -1.0 for shift in apart.values())
        raise InputError(
            f"{path}: left and right are swapped: {left} lies right of {_twin(left)} ({count} of {len(apart)} pairs); "
            "its header is mirrored: correct the affine's first row, or export the file again"
        )
    if total and sum(weight[name] for name in apart if apart[name] > 1.0) < 0.9 * total:
        left = max((name for name in apart if apart[name] <= 1.0), key=lambda name: weight[name])
        told = f"{left} ({numbers[left][0]}) does not lie left of {_twin(left)} ({numbers[_twin(left)][0]})"
        raise InputError(f"{path}: {_misread(told, table)}")
    for name in x:
        if side_of(name) and _twin(name) not in x:
            along = np.argwhere(np.isin(data, numbers[name])) @ affine[0, :3]
            width = float(np.subtract(*np.percentile(along, (99, 1))))
            if width > ONE_SIDE_MM:
                told = f"{name} ({numbers[name][0]}) would be {width:.0f} mm wide"
                raise InputError(f"{path}: {_misread(told, table)}")


def _along_x(places: Places, table: LabelTable) -> tuple[dict[str, float], dict[str, int], dict[str, list[int]]]:
    """Return, by region, the position along x (mm), the number of voxels, and the numbers that stand for it."""
    moment: dict[str, float] = {}
    size: dict[str, int] = {}
    numbers: dict[str, list[int]] = {}
    for n, (centre, count) in places.items():
        name = table.region(n).name
        moment[name] = moment.get(name, 0.0) + float(centre[0]) * count
        size[name] = size.get(name, 0) + count
        numbers.setdefault(name, []).append(n)
    return {name: moment[name] / size[name] for name in size}, size, numbers


def refuse_upside_down(path: Path | str, places: Places, table: LabelTable) -> None:
    """Refuse a head whose cerebellum lies above the cerebrum, or in front of it."""

    def middle(*tissues: str) -> Array | None:
        chosen = [places[n] for n in places if table.region(n).tissue in tissues]
        if not chosen:
            return None
        return np.asarray(np.average([c for c, _ in chosen], axis=0, weights=[count for _, count in chosen]))

    cerebellum, cerebrum = middle("cerebellum-grey", "cerebellum-white"), middle("grey", "white")
    if cerebellum is None or cerebrum is None:
        return
    for axis, where, what in ((2, "above", "stands on its head"), (1, "in front of", "is back to front")):
        shift = float(cerebellum[axis] - cerebrum[axis])
        if shift > 10.0:
            raise InputError(
                f"{path}: the cerebellum lies {shift:.0f} mm {where} the cerebrum: by its header the head {what}; correct the "
                "affine, or export the file again"
            )


def refuse_astray(path: Path | str, places: Places, table: LabelTable) -> None:
    """Refuse a map whose regions do not lie, one to another, as those of the DK+aseg atlas do."""
    atlas = _atlas()
    shared = [n for n in places if n in atlas]
    if len(shared) < ENOUGH:
        return
    here, there = (np.array([p[n][0] for n in shared]) for p in (places, atlas))
    off = np.linalg.norm(apply(affine_fit(here, there), here) - there, axis=1)
    if (middle := float(np.median(off))) > ASTRAY_MM:
        told = f"half of its {len(shared)} known regions lie {middle:.0f} mm or more from where a brain has them"
        raise InputError(f"{path}: {_misread(told, table)}")


@cache
def _atlas() -> Places:
    from petrecon.phantoms.donors import dk_aseg

    return centroids(*dk_aseg())


def _misread(told: str, table: LabelTable) -> str:
    if table.own:
        return f"{told}; {table.title} does not fit this map: mend its names and sides"
    return f"its numbers are not {table.title}: {told}; {CURE}"


def _twin(name: str) -> str:
    return ("right-" if side_of(name) == "left" else "left-") + base_name(name)


def _some(numbers: list[int]) -> str:
    return ", ".join(str(n) for n in sorted(numbers)[:5]) + (", …" if len(numbers) > 5 else "")
