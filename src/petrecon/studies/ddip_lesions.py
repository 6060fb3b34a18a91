"""Lesions with and without a trace in the MR: where they are, and how much of them a reconstruction shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from petrecon.compendium import record
from petrecon.errors import InputError
from petrecon.metrics import format_interval
from petrecon.phantoms import Lesion
from petrecon.studies.ddip_cases import HEAD_GRID, HEAD_VOXEL_MM, TRACERS, head_slice

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class LesionRegion:
    """Where a lesion is, and what surrounds it.

    Attributes
    ----------
    roi, surround : (X, Y) bool tensors
        The lesion's voxels, and tissue of the same kind around it.
    """

    roi: Tensor
    surround: Tensor

    def contrast(self, images: Tensor) -> Tensor:
        """Mean in the lesion over the mean around it, minus one; (...) from (..., X, Y)."""
        return images[..., self.roi].mean(-1) / images[..., self.surround].mean(-1) - 1

    def window(self, side: int = 40) -> tuple[slice, slice]:
        """Return the index of a square of `side` voxels around the lesion."""
        x, y = (int(v) for v in self.roi.nonzero().float().mean(0))
        return slice(max(0, x - side // 2), x + side // 2), slice(max(0, y - side // 2), y + side // 2)


def lesion_region(
    anatomy: str, seed: int, lesion: Lesion, *, tissue: str, slice_mm: float | None = None, ring_mm: float = 12.0
) -> LesionRegion:
    """Find the voxels of a lesion on the study's grid.

    Parameters
    ----------
    anatomy, seed, slice_mm :
        As in `measure`.
    lesion : Lesion
        Its centre and radius are used.
    tissue : str
        Kind of tissue that it sits in; the surround holds this tissue only.
    ring_mm : float
        Width of the surround; a margin of 4 mm around the lesion is left out.

    Raises
    ------
    InputError
        If the lesion or its surround holds no voxel.
    """
    marked = Lesion(lesion.centre, lesion.radius_mm, pet=1.0, mr=0.0)
    subject = head_slice(anatomy, seed, slice_mm=slice_mm, lesions=[marked])
    plain = head_slice(anatomy, seed, slice_mm=slice_mm)
    roi = (plain.mr - subject.mr) > 0.5 * plain.mr.clamp_min(0.1)
    if not roi.any():
        raise InputError(f"the lesion at {lesion.centre} does not touch the slice of {anatomy}")
    axes = (torch.arange(n) * HEAD_VOXEL_MM for n in HEAD_GRID)
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
    distance = (places[:, :, None] - places[roi][None, None]).norm(dim=-1).amin(-1)
    surround = (distance > 4.0) & (distance < 4.0 + ring_mm) & plain.mask(tissue)
    if not surround.any():
        raise InputError(f"there is no {tissue} around the lesion at {lesion.centre} in {anatomy}")
    return LesionRegion(roi, surround)


def record_contrasts(contrasts: Mapping[tuple[str, str, str], Sequence[float]]) -> pd.DataFrame:
    """Record what every method shows of every lesion, and DDIP's error beside that of two rivals.

    Parameters
    ----------
    contrasts : mapping
        (method, tracer, ``PET only``, ``MR only`` or ``both``) → for every noise realisation the share of the true
        contrast, or, for a lesion in MR only, the invented contrast in per cent of the surround.

    Returns
    -------
    DataFrame
        One row per method, a column per tracer and kind.
    """
    import pandas as pd

    rows: dict[str, dict[str, str]] = {}
    for (method, tracer, kind), samples in contrasts.items():
        invented = kind == "MR only"
        unit, digits = ("%", 0) if invented else ("", 2)
        spread = record(f"{kind}/{method}/{tracer}", samples=samples, units="noise draws", unit=unit)
        cell = format_interval(spread, digits, over=False) if spread else ""
        rows.setdefault(method, {})[f"{TRACERS[tracer]}, {kind}"] = cell
    return pd.DataFrame({"method": method, **row} for method, row in rows.items())


def record_errors(contrasts: Mapping[tuple[str, str, str], Sequence[float]], tracer: str) -> list[str]:
    """Record by how much DDIP invents and misses more than the frozen prior and than filtered MLEM (negative: less).

    Parameters
    ----------
    contrasts : mapping
        As in `record_contrasts`.
    tracer : str

    Returns
    -------
    list of str
        A sentence for each of the two rivals.
    """
    sentences = []
    for rival, name in (("frozen prior", "frozen"), ("MLEM + filter", "filter")):
        invented, missed = (
            _distance(contrasts["DDIP", tracer, kind], right) - _distance(contrasts[rival, tracer, kind], right)
            for kind, right in (("MR only", 0.0), ("PET only", 1.0))
        )
        words: dict[str, Any] = {"units": "noise draws", "compares": ("DDIP", rival)}
        words["note"] = f"DDIP minus {rival}, {tracer}; negative is better"
        more = record(f"invented_over_{name}/{tracer}", samples=invented, unit="%", **words)
        less = record(f"missed_over_{name}/{tracer}", samples=missed, **words)
        assert more is not None  # samples have an interval
        assert less is not None
        sentences.append(
            f"{tracer}, DDIP against {rival} (negative: DDIP is better): error of what it invents "
            f"{format_interval(more, 1, sign=True, unit='%')}, of what it misses "
            f"{format_interval(less, sign=True)} of the true contrast."
        )
    return sentences


def _distance(values: Sequence[float], right: float) -> NDArray[np.float64]:
    return np.abs(np.subtract(values, right))
