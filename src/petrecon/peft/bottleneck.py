"""Adapters: a bottleneck after a frozen block, inside its residual connection."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from petrecon.peft.inserted import Inserted, channels_last, out_channels


class Adapter(Inserted):
    """A frozen block followed by y + U·GELU(D·y + d) + u, D: C → C/reduction, U back; exactly the block at start.

    U = 0 and D random: the published code sets both to zero (UNETR), so that nothing but u ever learns, or re-draws
    both at random (CVT-GAN), so that the network is broken at start. Source: Houlsby et al. 2019; Kim et al. 2024,
    Fig. 3b.
    """

    def __init__(self, base: nn.Module, reduction: int) -> None:
        super().__init__(base)
        channels = out_channels(base)
        self.down = nn.Linear(channels, max(1, channels // reduction))
        self.up = nn.Linear(self.down.out_features, channels)
        nn.init.xavier_uniform_(self.down.weight)
        for zero in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(zero)

    def forward(self, *inputs: Any, **options: Any) -> Tensor:
        """Return the adapted output of the block."""
        y: Tensor = self.base(*inputs, **options)
        last = channels_last(self.base)
        tokens = y if last else y.movedim(1, -1)
        change: Tensor = self.up(functional.gelu(self.down(tokens)))
        return y + (change if last else change.movedim(-1, 1))
