"""3D CVT-GAN: the generator that turns a short scan into a long one, and its conditional discriminator.

Source: Zeng et al. 2022 (3D CVT-GAN, MICCAI), in the configuration of Kim et al. 2024 (PETITE).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from petrecon.errors import InputError
from petrecon.models.cvt_stage import Stage
from petrecon.models.specs import STRIDE, CVTGANSpec

_SLOPE = 0.2


def _convolution(in_channels: int, channels: int, stride: int = 1, dropout: float = 0.0) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv3d(in_channels, channels, 3, stride, 1)]
    if dropout:
        layers.append(nn.Dropout3d(dropout))
    return nn.Sequential(*layers, nn.LeakyReLU(_SLOPE), nn.BatchNorm3d(channels))


def _checked(x: Tensor, channels: int) -> Tensor:
    if x.dim() != 5 or x.shape[1] != channels or any(n < STRIDE or n % STRIDE for n in x.shape[2:]):
        raise InputError(
            f"CVT-GAN got shape {tuple(x.shape)}: give (batch, {channels}, x, y, z) with axes multiples of {STRIDE}"
        )
    return x


class Shortcut(nn.Module):
    """A 1³ convolution beside a convolution block.

    `unused` is a transposed convolution that the published network builds and never calls; it is kept because it is
    part of the published parameter count.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, channels, 1)
        self.unused = nn.ConvTranspose3d(in_channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the projected features."""
        out: Tensor = self.conv(x)
        return out


class Generator(nn.Module):
    """U-Net of four levels with transformer stages; predicts what to add to its input.

    Input and output (batch, 1, x, y, z) in scaled activity, axes multiples of 16. 28,715,681 parameters at the
    published widths, of which 426,880 in the never-called half of the shortcuts. In training mode the deepest level
    needs more than one value per channel: give several patches.
    """

    def __init__(self, spec: CVTGANSpec) -> None:
        super().__init__()
        self.spec = spec
        c, (w1, w2, w3, _, _), (d1, d2, d3, d4, d5) = spec.channels, spec.widths, spec.depths
        h1, h2, h3, h4, h5 = spec.heads
        self.encoder0 = _convolution(1, c, stride=2)
        self.encoder1 = Stage(c, w1, d1, h1)
        self.encoder2 = Stage(w1, w2, d2, h2, dropout=spec.dropout)
        self.encoder3 = Stage(w2, w3, d3, h3)
        self.decoder1 = _convolution(w3, w3)
        self.shortcut1 = Shortcut(w3, w3)
        self.decoder1_up = Stage(w3, w2, d4, h4, up=True)
        self.decoder2 = _convolution(2 * w2, w2, dropout=spec.dropout)
        self.shortcut2 = Shortcut(2 * w2, w2)
        self.decoder2_up = Stage(w2, w1, d5, h5, up=True)
        self.decoder3 = _convolution(2 * w1, w1)
        self.shortcut3 = Shortcut(2 * w1, w1)
        self.decoder3_up = nn.ConvTranspose3d(w1, c, 2, 2)
        self.decoder4 = nn.Sequential(
            nn.Conv3d(2 * c, c, 3, 1, 1),
            nn.Conv3d(c, c // 2, 3, 1, 1),
            nn.ConvTranspose3d(c // 2, 1, 2, 2),
            nn.LeakyReLU(_SLOPE),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the predicted long scan, shaped like `x`.

        Raises
        ------
        InputError
            If the shape is not (batch, 1, x, y, z) with axes multiples of 16.
        """
        e0 = self.encoder0(_checked(x, 1))
        e1 = self.encoder1(e0)
        e2 = self.encoder2(e1)
        e3 = self.encoder3(e2)
        d1 = self.decoder1_up(self.decoder1(e3) + self.shortcut1(e3))
        joined = torch.cat([e2, d1], dim=1)
        d2 = self.decoder2_up(self.decoder2(joined) + self.shortcut2(joined))
        joined = torch.cat([e1, d2], dim=1)
        d3 = self.decoder3_up(self.decoder3(joined) + self.shortcut3(joined))
        residual: Tensor = self.decoder4(torch.cat([e0, d3], dim=1))
        return residual + x


class Discriminator(nn.Module):
    """Judge a pair (short, long) by patches.

    Input (batch, 2, x, y, z) = short and long scan, output (batch, 8·channels, x/16, y/16, z/16) **logits**: the
    published code ends in a sigmoid and then applies a loss that takes logits; here there is one sigmoid, in the loss.
    295,001 parameters at the published widths, of which 129 in `unused`, a linear head that is never called and kept
    for the count.
    """

    def __init__(self, spec: CVTGANSpec) -> None:
        super().__init__()
        self.spec = spec
        c = spec.discriminator_channels
        self.conv0 = _convolution(2, c, stride=2)
        self.conv1 = _convolution(c, 2 * c)
        self.conv2 = nn.Sequential(_convolution(2 * c, 4 * c, stride=2), nn.Dropout3d(0.2))
        self.stage1 = Stage(4 * c, 8 * c, 1, 2, dropout=0.3)
        self.stage2 = Stage(8 * c, 8 * c, 1, 2, dropout=0.3)
        self.unused = nn.Linear(16 * c, 1)

    def forward(self, pair: Tensor) -> Tensor:
        """Return the map of logits.

        Raises
        ------
        InputError
            If the shape is not (batch, 2, x, y, z) with axes multiples of 16.
        """
        x = self.conv2(self.conv1(self.conv0(_checked(pair, 2))))
        out: Tensor = self.stage2(self.stage1(x))
        return out
