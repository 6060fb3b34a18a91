"""Batch norms whose running statistics stay put, in training mode too."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class FrozenBatchNorm3d(nn.BatchNorm3d):
    """Normalises by the running statistics always; weight and bias are as trainable as before."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised volume."""
        return functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
        )


def _retype(network: nn.Module, old: type[nn.Module], new: type[nn.Module]) -> None:
    for module in network.modules():
        if type(module) is old:
            module.__class__ = new


def freeze_statistics(network: nn.Module) -> None:
    """Turn each batch norm of a network into one with frozen statistics, in place; its tensors stay the same."""
    _retype(network, nn.BatchNorm3d, FrozenBatchNorm3d)


def release_statistics(network: nn.Module) -> None:
    """Undo `freeze_statistics`."""
    _retype(network, FrozenBatchNorm3d, nn.BatchNorm3d)
