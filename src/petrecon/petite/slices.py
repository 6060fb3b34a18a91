"""Short and long scans of one slice, in seconds: for a first look at what differs between scanners."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from petrecon.petite.exams import FRAMES, TRACER
from petrecon.petite.protocols import reconstruction_of
from petrecon.phantoms import make_subject, simulate_exam
from petrecon.projectors import AcquisitionModel, load_scanner
from petrecon.reconstruct import balanced_subsets, gaussian_filter, osem

BRIGHT = 0.4
"""Fraction of a long scan's maximum above which a voxel counts as bright tissue."""


def slice_pair(
    scanner: str, anatomy: str, seed: int = 0, *, profile: str = "quick", slice_mm: float = 8.0
) -> tuple[Tensor, Tensor, Any]:
    """Return a head's short and long scan in one slice, reconstructed as the scanner's protocol says.

    Parameters
    ----------
    scanner : str
        Name or path of a card.
    anatomy : str
    seed : int
        Draws the subject, its uptake and the counts.
    profile : str
        Coarsening of the scanner.
    slice_mm : float
        Height of the slice above the AC–PC plane, mm.

    Returns
    -------
    short, long : (X, Y) tensors
        First of six 5-minute frames and the mean of all six, kBq/mL.
    projector : LinearOperator
        What measured them; it knows its geometry.

    Raises
    ------
    CardError, ParameterError
        For an unknown scanner, anatomy or profile.
    """
    card = load_scanner(scanner)
    geometry, protocol = card.geometry(profile, 2), reconstruction_of(card.name)
    head = make_subject(
        anatomy, seed, image_shape=geometry.image_shape, voxel_size=geometry.voxel_size, slice_mm=slice_mm
    )
    exam = simulate_exam(head, TRACER, scanner, seed=seed, profile=profile, frames=FRAMES)
    model = exam.model
    if not protocol.resolution_model:
        model = AcquisitionModel(
            model.projector, attenuation=model.attenuation, scale=model.scale, background=model.background
        )
    frames = osem(exam.counts, model, protocol.epochs, balanced_subsets(geometry.views, protocol.subsets))
    frames = gaussian_filter(frames, geometry.voxel_size, protocol.filter_fwhm_mm)
    return frames[0], frames.mean(0), exam.model.projector


def noise_facts(short: Tensor, long: Tensor) -> dict[str, float]:
    """Return what a network meets in a pair of scans, over bright tissue.

    The short scan is one of the n = 6 frames whose mean is the long one, so the noise of their difference has
    (n - 1)/n of the short scan's variance, and is corrected for that.

    Parameters
    ----------
    short, long : (X, Y) tensors

    Returns
    -------
    dict of float
        ``noise``: SD of the short scan's noise, per cent of the mean; ``grain``: correlation of that noise between
        voxels that are neighbours along x; ``gain``: what takes the short scan to the long one when each is scaled to
        [0, 1] by its own range.
    """
    n = len(FRAMES)
    bright = long > BRIGHT * long.max()
    noise = (short - long) * (n / (n - 1)) ** 0.5
    pairs = bright[1:] & bright[:-1]
    grain = torch.corrcoef(torch.stack([noise[1:][pairs], noise[:-1][pairs]]))[0, 1]
    means = [(x[bright].mean() - x.min()) / (x.max() - x.min()) for x in (short, long)]
    return {
        "noise": 100 * float(noise[bright].std() / long[bright].mean()),
        "grain": float(grain),
        "gain": float(means[1] / means[0]),
    }
