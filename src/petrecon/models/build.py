"""Build a scan-time-reduction network from its widths."""

from __future__ import annotations

import torch
from torch import nn

from petrecon.models.cvt_gan import Discriminator, Generator
from petrecon.models.specs import CVTGANSpec, UNETRSpec
from petrecon.models.unetr import unetr


def build(spec: UNETRSpec | CVTGANSpec, seed: int = 0) -> nn.Module:
    """Return the network that maps a short scan to a long one: a UNETR, or the generator of CVT-GAN.

    Parameters
    ----------
    spec : UNETRSpec or CVTGANSpec
        Widths; kept as `network.spec`.
    seed : int
        Of the initial weights. The global random state is left as it was.

    Returns
    -------
    module
        (batch, 1, *patch) → (batch, 1, *patch), both scaled activity.

    Examples
    --------
    >>> network = build(CVTGANSpec(channels=4, patch=(32, 32, 16)))
    >>> network.eval()(torch.zeros(1, 1, 32, 32, 16)).shape
    torch.Size([1, 1, 32, 32, 16])
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return unetr(spec) if isinstance(spec, UNETRSpec) else Generator(spec)


def build_discriminator(spec: CVTGANSpec, seed: int = 0) -> Discriminator:
    """Return the discriminator of CVT-GAN; `seed` as in `build`.

    Parameters
    ----------
    spec : CVTGANSpec
    seed : int
        As in `build`.

    Returns
    -------
    Discriminator
        (batch, 2, x, y, z) → logits (batch, 8 · discriminator_channels, x/16, y/16, z/16).
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Discriminator(spec)
