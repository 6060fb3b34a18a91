"""LoRA for a depthwise convolution, which the `peft` library cannot factor at a rank below its groups."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from petrecon.peft.inserted import Inserted

SCALING = 2.0
"""α/r, here and for every LoRA: the paper has α = 2r."""


class DepthwiseLoRA(Inserted):
    """A frozen depthwise convolution whose C kernels of k³ weights get a low-rank update; exactly itself at start.

    Written as a C × k³ matrix, W ← W + (α/r)·B·A with B (C × r) zero and A (r × k³) random: r·(C + k³) weights, so
    every kernel is moved within r common shapes. Source: Hu et al. 2021; the published code relies on a patched
    library that is not available, so its parameter count cannot be matched.
    """

    base: nn.Conv3d

    def __init__(self, base: nn.Conv3d, rank: int) -> None:
        super().__init__(base)
        weight = base.weight
        self.lora_A = nn.Parameter(weight.new_empty(rank, weight[0].numel()))
        self.lora_B = nn.Parameter(weight.new_zeros(weight.shape[0], rank))
        nn.init.kaiming_uniform_(self.lora_A, a=5**0.5)

    def weight(self) -> Tensor:
        """Return the kernels in force, shaped like those of the base."""
        update: Tensor = SCALING * (self.lora_B @ self.lora_A)
        return self.base.weight + update.view_as(self.base.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution with the updated kernels."""
        layer = self.base
        return functional.conv3d(
            x, self.weight(), layer.bias, layer.stride, layer.padding, layer.dilation, layer.groups
        )

    def merged(self) -> nn.Module:
        """Return a convolution that holds the updated kernels."""
        layer = copy.deepcopy(self.base)
        with torch.no_grad():
            layer.weight.copy_(self.weight())
        return layer
