"""Where the regions of a label map lie: left of their twins, below the cerebrum, as in the atlas, or it is refused."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import InputError
from petrecon.phantoms.label_tables import CURE, LabelTable
from petrecon.phantoms.regions import base_name, side_of
from petrecon.phantoms.registration import affine_fit, apply_affine, centroids

Array = NDArray[np.float64]
Places = dict[int, tuple[Array, int]]
"""Number in the file → centroid in the world (mm) and number of voxels."""

ONE_SIDE_MM = 105.0
"""No region of one hemisphere is as wide as this."""

ASTRAY_MM = 12.0
"""FreeSurfer's regions are found within this distance of their places in the atlas, as the median after an affine fit.
In individual brains it is 3 to 5 mm, in seven maps of other numbers that collide with FreeSurfer's 19 mm or more."""

ENOUGH = 8
"""So many regions must be shared with the atlas, or their places prove nothing."""


def refuse_sides(path: Path | str, data: NDArray[np.int32], affine: Array, places: Places, table: LabelTable) -> None:
    """Refuse a map whose left regions do not lie left of their twins, or reach over both hemispheres."""
    x, size, numbers = _along_x(places, table)
    apart = {name: x[_twin(name)] - x[name] for name in x if side_of(name) == "left" and _twin(name) in x}
    weight = {name: size[name] + size[_twin(name)] for name in apart}
    total = sum(weight.values())
    if total and sum(weight[name] for name in apart if apart[name] < -1.0) >= 0.9 * total:
        left = max(weight, key=lambda name: weight[name])
        count = sum(shift < -1.0 for shift in apart.values())
        why = "its header is mirrored" + (f", or {table.title} names the sides wrongly" if table.own else "")
        raise InputError(
            f"{path}: left and right are swapped: {left} lies right of {_twin(left)} ({count} of {len(apart)} pairs); "
            f"{why}: correct the affine's first row, or export the file again"
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
                f"{path}: the cerebellum lies {shift:.0f} mm {where} the cerebrum: by its header the head {what}; "
                "correct the affine, or export the file again"
            )


def refuse_astray(path: Path | str, places: Places, table: LabelTable) -> None:
    """Refuse a map whose regions do not lie, one to another, as those of the DK+aseg atlas do."""
    atlas = _atlas()
    shared = [n for n in places if n in atlas]
    if len(shared) < ENOUGH:
        return
    here, there = (np.array([p[n][0] for n in shared]) for p in (places, atlas))
    off = np.linalg.norm(apply_affine(affine_fit(here, there), here) - there, axis=1)
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
