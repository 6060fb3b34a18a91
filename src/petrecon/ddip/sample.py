"""Samples of the prior alone: no counts, with or without an MR."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from petrecon.ddip.ddim import ddim_step, noise_levels
from petrecon.models.diffusion import NoiseSchedule


@torch.no_grad()
def sample(
    network: nn.Module, schedule: NoiseSchedule, mr: Tensor, *, steps: int = 100, eta: float = 0.85, seed: int = 0
) -> Tensor:
    """Draw images from the prior, from pure noise down to none.

    Parameters
    ----------
    network : nn.Module
        (x_t, t, mr) → noise.
    schedule : NoiseSchedule
    mr : (B, slices, X, Y) tensor
        The MR to go with each sample; zeros = none.
    steps : int
        Noise levels visited.
    eta : float
        Share of fresh noise, see `ddim_step`.
    seed : int

    Returns
    -------
    (B, slices, X, Y) tensor
        In units of the network, cut to [0, 1] at every step as in the paper.
    """
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(mr.shape, generator=draw).to(mr)
    levels = noise_levels(schedule.steps, steps, schedule.steps)
    clean = x
    for t, following in zip(levels, [*levels[1:], None], strict=True):
        eps = network(x, torch.full((len(mr),), t, device=mr.device), mr)
        clean = schedule.clean(x, eps, t).clamp(0, 1)
        x = ddim_step(clean, eps, torch.randn(mr.shape, generator=draw).to(mr), following, schedule, eta)
    return clean
