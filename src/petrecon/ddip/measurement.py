"""Measured counts in the units and shapes of the score network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from petrecon.ddip.prox import penalised_em, relative_sensitivity
from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct import poisson_nll


@dataclass(frozen=True, eq=False)
class Measurement:
    """Counts, their model and the scale, for network images (B, S, X, Y) in units of that scale.

    Attributes
    ----------
    y : Tensor, (*lead, *sinogram_shape)
        Prompt counts; the product of `lead` is B · S.
    model : AcquisitionModel
    scale : Tensor, (*lead, 1, 1)
        kBq/mL per unit.
    slices : int
        S.
    """

    y: Tensor
    model: AcquisitionModel
    scale: Tensor
    slices: int

    def to_network(self, image: Tensor) -> Tensor:
        """From (*lead, X, Y) to (B, S, X, Y)."""
        return image.reshape(-1, self.slices, *image.shape[-2:])

    def to_model(self, stacks: Tensor) -> Tensor:
        """From (B, S, X, Y) to (*lead, X, Y)."""
        return stacks.reshape(*self.y.shape[:-2], *stacks.shape[-2:])

    def em(self, start: Tensor, m: Tensor, beta_over_s: float, iterations: int) -> Tensor:
        """Return penalised EM from `start`, pulled to `m`; all (B, S, X, Y)."""
        x = penalised_em(
            self.to_model(start),
            self.y,
            self.model,
            self.to_model(m),
            beta_over_s,
            scale=self.scale,
            iterations=iterations,
            seen=self._seen,
        )
        return self.to_network(x)

    def nll(self, stacks: Tensor) -> Tensor:
        """Return the negative log-likelihood of images in units of the scale, (B,), float64, differentiable."""
        expected = self.model(self.to_model(stacks) * self.scale)
        return poisson_nll(self.y, expected, 2).reshape(-1, self.slices).sum(1)

    @property
    def bins(self) -> int:
        """Sinogram bins of one stack."""
        return self.slices * self.y.shape[-2] * self.y.shape[-1]

    @cached_property
    def _seen(self) -> Tensor:
        return relative_sensitivity(self.model, self.y)
