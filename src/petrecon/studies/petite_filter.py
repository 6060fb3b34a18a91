"""What a network must beat: a Gaussian filter with a gain and an offset, three numbers fitted to the same pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from petrecon.errors import InputError
from petrecon.petite.pairs import ScanPairs
from petrecon.petite.scaling import scaled
from petrecon.reconstruct import gaussian_filter

WIDTHS_MM = (4.0, 5.0, 6.0, 7.0, 8.0, 10.0)


@dataclass(frozen=True)
class Filter:
    """Predict a long scan as gain · (short * Gaussian) + offset.

    Attributes
    ----------
    fwhm_mm : float
    gain, offset : float
        Of scaled scans.
    """

    fwhm_mm: float
    gain: float
    offset: float

    def __call__(self, short: Tensor, voxel_size: tuple[float, ...]) -> Tensor:
        """Return the predicted long scans of scaled short scans, (N, X, Y, Z)."""
        return self.gain * gaussian_filter(short, voxel_size, self.fwhm_mm) + self.offset


def fit_filter(pairs: ScanPairs, scaling: str = "each", widths_mm: Sequence[float] = WIDTHS_MM) -> Filter:
    """Return the filter of least squared error on a training set.

    Parameters
    ----------
    pairs : Pairs
    scaling : {"each", "shared"}
    widths_mm : sequence of float
        Full widths at half maximum to try.

    Raises
    ------
    InputError
        If the training set is empty.
    """
    if not len(pairs):
        raise InputError("the training set is empty: give at least one subject")
    short, long = scaled(pairs, scaling)
    y = long.flatten().double()
    best: tuple[float, Filter] | None = None
    for width in widths_mm:
        x = gaussian_filter(short, pairs.voxel_size, width).flatten().double()
        centred = x - x.mean()
        gain = float(centred @ (y - y.mean()) / (centred @ centred))
        offset = float(y.mean() - gain * x.mean())
        error = float((gain * x + offset - y).square().mean())
        if best is None or error < best[0]:
            best = (error, Filter(width, gain, offset))
    assert best is not None
    return best[1]
