"""Expected scatter and randoms of a set of trues, and Poisson draws."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from petrecon.phantoms.draws import generator
from petrecon.phantoms.frames import Frames

SCATTER_FWHM = 0.35
"""Width of the scatter kernel: FWHM along radial bins and views, as a fraction of each (this project)."""


def expected_scatter(trues: Tensor, fraction: float, dims: int) -> Tensor:
    """Return scatter (counts): trues blurred widely over radial bins and views, T·SF/(1−SF) in all."""
    from scipy import ndimage

    radial, views = trues.shape[-dims], trues.shape[1 - dims]
    lead = trues.ndim - dims
    sigma = [0.0] * lead + [SCATTER_FWHM / 2.355 * radial, SCATTER_FWHM / 2.355 * views] + [0.0] * (dims - 2)
    opposite = trues.flip(lead)  # the view after the last is the first one, seen from the other side
    around = torch.cat([opposite, trues, opposite], dim=lead + 1).numpy()
    wide = ndimage.gaussian_filter(around, sigma, mode="constant", truncate=3.0)
    shape = torch.from_numpy(wide).narrow(lead + 1, views, views).clamp_min(0)
    axes = tuple(range(-dims, 0))
    totals = trues.sum(axes, keepdim=True, dtype=torch.float64) * (fraction / (1 - fraction))
    area = shape.sum(axes, keepdim=True, dtype=torch.float64).clamp_min(1e-30)
    return shape * (totals / area).to(torch.float32)


def expected_randoms(
    trues: Tensor, scatter_fraction: float, fraction: float, dose: float, frames: Frames | None, dims: int
) -> Tensor:
    """Return randoms (counts): equal in all bins of a frame; total ∝ dose², the card's fraction at 1."""
    per_frame = trues.sum(tuple(range(-dims, 0)), dtype=torch.float64).reshape(-1)
    unit_dose = float(per_frame.sum()) / dose / (1 - scatter_fraction)
    total = dose**2 * unit_dose * fraction / (1 - fraction)
    lengths = torch.tensor(frames.durations_s if frames else [1.0], dtype=torch.float64)
    share = per_frame**2 / lengths
    bins = math.prod(trues.shape[-dims:])
    level = (total * share / share.sum() / bins).to(torch.float32)
    return level.reshape(*trues.shape[:-dims], *(1,) * dims).expand(trues.shape).contiguous()


def draw_counts(mean: Tensor, seed: int, realisation: int) -> Tensor:
    """Draw counts; the stream depends on the seed and the number of the realisation alone."""
    stream = torch.Generator().manual_seed(int(generator(seed, "counts", realisation).integers(2**62)))
    return torch.poisson(mean, generator=stream)
