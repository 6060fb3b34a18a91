r"""One optimiser step of each network: UNETR by its mean squared error, CVT-GAN against its discriminator.

.. math::
   L_{MSE} &= \mathrm{mean}\,(G(x) - y)^2 \\
   L_G &= \mathrm{BCE}(D(x, G(x)), 1) + 100\,\mathrm{mean}|G(x) - y| \\
   L_D &= \tfrac12 [\mathrm{BCE}(D(x, y), 1) + \mathrm{BCE}(D(x, G(x)), 0)]

with the binary cross-entropy of logits. Source: Zeng et al. 2022; Kim et al. 2024, released code (which applies a
sigmoid twice, and makes a second prediction for L_D; here D sees the prediction of the generator's own step).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

L1_WEIGHT = 100.0


def squared_error(network: nn.Module, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of a batch of patches (B, 1, *patch), and the prediction."""
    predicted = network(x)
    return functional.mse_loss(predicted, y), predicted.detach()


def generator_loss(network: nn.Module, discriminator: nn.Module, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the generator's loss of a batch of patches, and the prediction without its graph."""
    predicted = network(x)
    logits = discriminator(torch.cat([x, predicted], dim=1))
    loss = functional.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
    return loss + L1_WEIGHT * functional.l1_loss(predicted, y), predicted.detach()


def discriminator_loss(discriminator: nn.Module, x: Tensor, y: Tensor, predicted: Tensor) -> Tensor:
    """Return the discriminator's loss: real pairs are ones, predicted pairs zeros."""
    real = discriminator(torch.cat([x, y], dim=1))
    fake = discriminator(torch.cat([x, predicted], dim=1))
    cross_entropy = functional.binary_cross_entropy_with_logits
    return 0.5 * (cross_entropy(real, torch.ones_like(real)) + cross_entropy(fake, torch.zeros_like(fake)))
