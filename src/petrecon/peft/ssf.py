"""Scaling and shifting features (SSF): y = s · f(x) + t per channel after a frozen layer."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn

from petrecon.peft.inserted import Inserted, channel_view


class ScaleShift(Inserted):
    """A frozen layer followed by a scale and a shift per channel; exactly the layer when s = 1, t = 0.

    The channel axis is that of the layer (last for linear layers and layer norms, second for convolutions and their
    norms), never guessed from the shape of the data. Source: Lian et al. 2022; Kim et al. 2024, Fig. 3c.
    """

    def __init__(self, base: nn.Module, scale: nn.Parameter, shift: nn.Parameter) -> None:
        super().__init__(base)
        self.scale = scale
        self.shift = shift

    def forward(self, x: Tensor) -> Tensor:
        """Return the scaled and shifted output of the layer."""
        y: Tensor = self.base(x)
        return y * channel_view(self.scale, self.base, y) + channel_view(self.shift, self.base, y)

    def merged(self) -> nn.Module:
        """Return one layer that does the same: s and t folded into weight and bias."""
        scale, shift = self.scale.detach(), self.shift.detach()
        if isinstance(self.base, nn.InstanceNorm3d):
            norm = nn.InstanceNorm3d(len(scale), eps=self.base.eps, affine=True).to(scale)
            norm.load_state_dict({"weight": scale.clone(), "bias": shift.clone()})
            return norm
        layer: Any = copy.deepcopy(self.base)
        weight, bias = layer.weight.detach(), layer.bias
        rows = scale.view(-1, *(1,) * (weight.dim() - 1))
        layer.weight = nn.Parameter(weight * rows, requires_grad=False)
        moved = shift.clone() if bias is None else bias.detach() * scale + shift
        layer.bias = nn.Parameter(moved, requires_grad=False)
        plain: nn.Module = layer
        return plain
