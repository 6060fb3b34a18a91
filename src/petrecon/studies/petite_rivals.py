r"""Rivals that least squares fits exactly: a Gaussian filter with gain and offset, and a network of one convolution.

What a network must beat on its own scanner: three numbers, a Gaussian, a gain and an offset, fitted to the same pairs.

The smallest scan-time-reduction network there is, to see what becomes of it on another scanner: with :math:`N_v` the
k × k voxels around voxel v of the short scan, it predicts :math:`w \cdot N_v + c`. Adapting it means to freeze its
k² + 1 numbers and to learn a scale and a shift of what it predicts: SSF with one channel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from petrecon.errors import InputError
from petrecon.metrics import psnr
from petrecon.petite.pairs import ScanPairs
from petrecon.petite.scaling import scaled
from petrecon.reconstruct import gaussian_filter
from petrecon.studies.petite_slices import SliceSet

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
    pairs : ScanPairs
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


SIDE = 5
"""Voxels of the convolution along x and y."""

AS_IT_COMES, TUNED = "as it comes", "two numbers tuned"


def neighbourhoods(short: Tensor) -> Tensor:
    """Return what the network's numbers multiply, (N·X·Y, SIDE² + 1): each voxel's neighbourhood, and one."""
    patches = functional.unfold(short[:, None].double(), SIDE, padding=SIDE // 2).movedim(1, 2).flatten(0, 1)
    return _with_one(patches)


def least_squares(columns: Tensor, wanted: Tensor) -> Tensor:
    """Return the numbers, (columns, 1), whose prediction is closest to (N, X, Y) `wanted`."""
    return torch.linalg.lstsq(columns, wanted.reshape(-1, 1).double()).solution


def transfer(
    train: Mapping[str, SliceSet], test: Mapping[str, SliceSet], scaling: str = "each"
) -> dict[str, NDArray[np.float64]]:
    """Train the network on every scanner, use it on every other, and adapt it there.

    Parameters
    ----------
    train, test : mapping of SliceSet
        By scanner.
    scaling : {"each", "shared"}
        Each scan by its own range, or short and long by one level.

    Returns
    -------
    dict of (scanners, scanners) arrays
        Mean PSNR of the test heads, in dB above the network that was trained on the same scanner, for
        [trained on, used on]: ``as it comes``, and ``two numbers tuned`` on the training heads of the scanner it is
        used on.
    """
    names = list(train)
    x = {(m, k): neighbourhoods(s[m].scaled(scaling)[0]) for k, s in (("train", train), ("test", test)) for m in names}
    y = {(m, k): s[m].scaled(scaling)[1] for k, s in (("train", train), ("test", test)) for m in names}
    network = {m: least_squares(x[m, "train"], y[m, "train"]) for m in names}
    own = {m: _quality(x[m, "test"] @ network[m], y[m, "test"]) for m in names}
    maps = {name: np.zeros((len(names), len(names))) for name in (AS_IT_COMES, TUNED)}
    for i, source in enumerate(names):
        for j, target in enumerate(names):
            seen, unseen = (x[target, k] @ network[source] for k in ("train", "test"))
            scale_shift = least_squares(_with_one(seen), y[target, "train"])
            wanted = y[target, "test"]
            maps[AS_IT_COMES][i, j] = _quality(unseen, wanted) - own[target]
            maps[TUNED][i, j] = _quality(_with_one(unseen) @ scale_shift, wanted) - own[target]
    return maps


def _with_one(columns: Tensor) -> Tensor:
    return torch.cat([columns, torch.ones_like(columns[:, :1])], 1)


def _quality(values: Tensor, wanted: Tensor) -> float:
    images = values.view(wanted.shape)
    return float(np.mean([psnr(image, target.double(), 1.0) for image, target in zip(images, wanted, strict=True)]))
