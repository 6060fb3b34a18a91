"""Whole volumes from a network that sees patches: overlapping windows, blended with Gaussian weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from petrecon.models.monai_import import light_monai
from petrecon.petite.patches import Shape, check_fits, pad_to

OVERLAP = 0.5
WINDOWS_AT_ONCE = 8


@torch.no_grad()
def predict(network: nn.Module, short: Tensor, patch: Shape, *, pad: bool = False) -> Tensor:
    """Return the network's long scans of short scans, (N, X, Y, Z), both scaled.

    Windows overlap by half and are blended with Gaussian weights (MONAI's sliding-window inference); with constant
    weights the seams of the windows show. The network's mode and parameters are left as they were.

    Parameters
    ----------
    network : module
        (B, 1, *patch) → (B, 1, *patch).
    short : (N, X, Y, Z) tensor
    patch : tuple of int
        Window size in voxels, multiples of 16.
    pad : bool
        Whether axes shorter than the patch are padded with empty voxels (and cropped again).

    Returns
    -------
    (N, X, Y, Z) tensor
        On the scale of the long scans.

    Raises
    ------
    ParameterError, InputError
        As `petrecon.petite.patches.check_fits`.
    """
    with light_monai():
        from monai.inferers.utils import sliding_window_inference

    grid = tuple(short.shape[1:])
    check_fits(patch, tuple(max(n, p) for n, p in zip(grid, patch, strict=True)) if pad else grid)
    padded = pad_to(short, patch)
    device = next(network.parameters()).device
    training = network.training
    network.eval()
    try:
        out: list[Any] = [
            sliding_window_inference(
                volume[None, None].to(device), patch, WINDOWS_AT_ONCE, network, overlap=OVERLAP, mode="gaussian"
            )
            for volume in padded
        ]
    finally:
        network.train(training)
    predicted = torch.cat(out)[:, 0].to(short.device)
    first = [(p - n) // 2 for p, n in zip(padded.shape[1:], grid, strict=True)]
    return predicted[(slice(None), *(slice(f, f + n) for f, n in zip(first, grid, strict=True)))].contiguous()
