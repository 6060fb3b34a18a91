"""Scores of predicted long scans, per volume, and what bounds them: the raw short scan and the target's own noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from petrecon.errors import InputError
from petrecon.metrics import petite_scores, psnr
from petrecon.petite.pairs import ScanPairs
from petrecon.petite.scaling import scaled

Scores = dict[str, float | str | int]


def score_volumes(predicted: Tensor, pairs: ScanPairs, scaling: str = "each") -> list[Scores]:
    """Score predictions against the long scans, volume by volume.

    Parameters
    ----------
    predicted : (N, X, Y, Z) tensor
        On the scale of the targets (`petrecon.petite.scaling`).
    pairs : Pairs
        Of the same N members.
    scaling : {"each", "shared"}

    Returns
    -------
    list of dict
        scanner, anatomy, number; ``psnr`` (dB), ``ssim``, ``nrmse`` over the whole volume as published: data range 1
        = the target's range, SSIM with a uniform window of 7 voxels, and NRMSE = 10^(-PSNR / 20); ``psnr_brain``,
        within the brain, for the same range; ``psnr_ideal``, within the brain against the
        reconstruction of noise-free counts, after the best linear fit (gain and offset; range = that image's): the
        only one that does not count the target's own noise as signal.

    Raises
    ------
    InputError
        If the predictions do not match the pairs.
    """
    if tuple(predicted.shape) != tuple(pairs.long.shape):
        raise InputError(
            f"predictions {tuple(predicted.shape)} and long scans {tuple(pairs.long.shape)} differ in shape"
        )
    (target,) = scaled(pairs, scaling, ("long",))
    rows: list[Scores] = []
    for i, member in enumerate(pairs.members):
        low, span = target[i].min(), target[i].max() - target[i].min()
        image, wanted, brain = (predicted[i] - low) / span, (target[i] - low) / span, pairs.brain[i]
        rows.append(
            {
                "scanner": member.scanner,
                "anatomy": member.anatomy,
                "number": member.number,
                **petite_scores(image, wanted, scale_each=False),
                "psnr_brain": psnr(image, wanted, 1.0, brain),
                "psnr_ideal": _fitted_psnr(image[brain], pairs.ideal[i][brain]),
            }
        )
    return rows


def score_bounds(pairs: ScanPairs, scaling: str = "each") -> dict[str, list[Scores]]:
    """Return the scores of the raw short scan (what a network starts from) and of the ceiling.

    The ceiling is the reconstruction of noise-free counts, on the long scan's own scale in kBq/mL: the best
    denoiser would show it, and still misses the noise of the target.

    Parameters
    ----------
    pairs : ScanPairs
        Of N members.
    scaling : {"each", "shared"}

    Returns
    -------
    dict of list of dict
        "short" and "ceiling", each as `score_volumes` returns.
    """
    (short,) = scaled(pairs, scaling, ("short",))
    (target,) = scaled(pairs, scaling, ("long",))
    high, low = (f(pairs.long, dim=(1, 2, 3), keepdim=True) for f in (torch.amax, torch.amin))
    top, bottom = (f(target, dim=(1, 2, 3), keepdim=True) for f in (torch.amax, torch.amin))
    ideal = bottom + (pairs.ideal - low) / (high - low) * (top - bottom)
    return {"short": score_volumes(short, pairs, scaling), "ceiling": score_volumes(ideal, pairs, scaling)}


def mean_scores(rows: list[Scores]) -> dict[str, float]:
    """Return the mean of every score over volumes.

    Parameters
    ----------
    rows : list of dict
        As `score_volumes` returns.

    Returns
    -------
    dict of float
        By the score's name; what is no score (scanner, anatomy, number) is left out.
    """
    names = [k for k, v in rows[0].items() if isinstance(v, float)]
    return {name: sum(float(r[name]) for r in rows) / len(rows) for name in names}


def _fitted_psnr(image: Tensor, wanted: Tensor) -> float:
    """PSNR (dB) of the best a + b·image, least squares; data range = that of `wanted`."""
    x, y = image.double() - image.double().mean(), wanted.double() - wanted.double().mean()
    power = float(x @ x)
    residual = y - (float(x @ y) / power if power > 0 else 0.0) * x
    error = math.sqrt(float(residual.square().mean()))
    span = float(wanted.max() - wanted.min())
    return math.inf if error == 0 else 20 * math.log10(span / error)
