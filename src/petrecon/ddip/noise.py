"""Unit noise from one stream per slice stack."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from petrecon.phantoms.draws import check_seed, generator


class UnitNoise:
    """Standard normal images; stack k draws from its own stream of the seed, whatever the batch it is in.

    Parameters
    ----------
    seed : int
    like : Tensor, (B, S, X, Y)
        Gives shape, precision and device.
    """

    def __init__(self, seed: int, like: Tensor) -> None:
        self._like = like
        self._streams = [generator(check_seed(seed), "ddip", k) for k in range(len(like))]

    def draw(self) -> Tensor:
        """Return the next noise images, (B, S, X, Y)."""
        shape = self._like.shape[1:]
        drawn = np.stack([s.standard_normal(shape, dtype=np.float32) for s in self._streams])
        return torch.from_numpy(drawn).to(self._like)
