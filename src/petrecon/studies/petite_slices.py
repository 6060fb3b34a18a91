"""Short and long scans of one slice, in seconds: for a first look at what differs between scanners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from petrecon.errors import InputError
from petrecon.petite.exams import FRAMES, TRACER
from petrecon.petite.protocols import reconstruction_of
from petrecon.petite.scaling import scaled
from petrecon.phantoms import make_subject, simulate_exam
from petrecon.projectors import load_scanner, make_projector

BRIGHT = 0.4
"""Fraction of a long scan's maximum above which a voxel counts as bright tissue."""


@dataclass(frozen=True, eq=False)
class SliceSet:
    """One slice each of N heads on one scanner.

    Attributes
    ----------
    short, long : (N, X, Y) tensors
        First of six 5-minute frames, and the mean of all six, kBq/mL.
    voxel_size : tuple of float
        mm.
    projector : LinearOperator
        What measured them.
    """

    short: Tensor
    long: Tensor
    voxel_size: tuple[float, ...]
    projector: Any

    def scaled(self, scaling: str = "each") -> tuple[Tensor, Tensor]:
        """Return short and long scans as a network sees them, dimensionless: `petrecon.petite.scaled`."""
        short, long = scaled(self, scaling)
        return short, long


def slice_set(
    scanner: str, anatomies: Sequence[str], seed: int = 0, *, coarsening: str = "quick", slice_mm: float = 30.0
) -> SliceSet:
    """Return short and long scans of heads in one slice, reconstructed as the scanner's protocol says.

    Parameters
    ----------
    scanner : str
        Name or path of a card.
    anatomies : sequence of str
        One head each; head k has the seed ``seed + k``, which draws its warp, its uptake and its counts.
    seed : int
    coarsening : str
        Of the scanner: quick, laptop or paper.
    slice_mm : float
        Height of the slice above the AC–PC plane, mm.

    Raises
    ------
    InputError
        For no anatomy.
    CardError, ParameterError
        For an unknown scanner, anatomy or coarsening.
    """
    if not anatomies:
        raise InputError("no heads: a set of slices needs at least one anatomy")
    card = load_scanner(scanner)
    geometry, protocol = card.geometry(coarsening, 2), reconstruction_of(card.name)
    grid: dict[str, Any] = {
        "image_shape": geometry.image_shape,
        "voxel_size": geometry.voxel_size,
        "slice_mm": slice_mm,
    }
    short, long, projector = [], [], make_projector(geometry)
    for k, anatomy in enumerate(anatomies):
        head = make_subject(anatomy, seed + k, **grid)
        exam = simulate_exam(
            head, TRACER, card, seed=seed + k, coarsening=coarsening, frames=FRAMES, projector=projector
        )
        frames = protocol.reconstruct(exam.counts, exam.model)
        short.append(frames[0])
        long.append(frames.mean(0))
    return SliceSet(torch.stack(short), torch.stack(long), geometry.voxel_size, projector)


def noise_facts(scans: SliceSet, k: int = 0) -> dict[str, float]:
    """Return what a network meets in the scans of head k, over bright tissue.

    The short scan is one of the n = 6 frames whose mean is the long one, so the noise of their difference has
    (n - 1)/n of the short scan's variance, and is corrected for that.

    Returns
    -------
    dict of float
        ``noise``: SD of the short scan's noise, per cent of the mean; ``grain``: correlation of that noise between
        voxels that are neighbours along x; ``gain``: what takes the short scan to the long one when each is scaled to
        [0, 1] by its own range.
    """
    n, short, long = len(FRAMES), scans.short[k], scans.long[k]
    bright = long > BRIGHT * long.max()
    noise = (short - long) * (n / (n - 1)) ** 0.5
    pairs = bright[1:] & bright[:-1]
    grain = torch.corrcoef(torch.stack([noise[1:][pairs], noise[:-1][pairs]]))[0, 1]
    short_scaled, long_scaled = (x[k] for x in scans.scaled())
    return {
        "noise": 100 * float(noise[bright].std() / long[bright].mean()),
        "grain": float(grain),
        "gain": float(long_scaled[bright].mean() / short_scaled[bright].mean()),
    }
