"""What every inserted module has in common: the frozen module it stands for."""

from __future__ import annotations

from torch import Tensor, nn

_CHANNELS_LAST = (nn.Linear, nn.LayerNorm)


class Inserted(nn.Module):
    """A module put in the place of `base`, which it calls and never changes."""

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.base = base

    def merged(self) -> nn.Module | None:
        """Return a plain module of the same kind as `base` that computes the same, or None when there is none."""
        return None


def out_channels(module: nn.Module) -> int:
    """Return the number of channels that a module gives out; of a block, those of its last layer."""
    for layer in reversed(list(module.modules())):
        for name in ("out_features", "out_channels", "num_features"):
            if isinstance(getattr(layer, name, None), int):
                return int(getattr(layer, name))
        if isinstance(layer, nn.LayerNorm):
            return int(layer.normalized_shape[0])
    raise TypeError(f"{type(module).__name__} has no layer with channels")


def channels_last(module: nn.Module) -> bool:
    """Tell whether a layer or block works on the last axis (tokens) rather than on the second (volumes)."""
    return isinstance(module, _CHANNELS_LAST) or not any(
        isinstance(layer, (nn.Conv3d, nn.InstanceNorm3d)) for layer in module.modules()
    )


def channel_view(vector: Tensor, base: nn.Module, y: Tensor) -> Tensor:
    """Return a vector over channels shaped to broadcast with the output `y` of `base`."""
    return vector if channels_last(base) else vector.view(-1, *(1,) * (y.dim() - 2))
