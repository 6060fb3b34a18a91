"""A projector made of the projectors of its subsets: an exam and its ordered subsets share one set of matrices."""

from __future__ import annotations

from typing import cast

import torch

from petrecon.projectors.geometry import Geometry
from petrecon.projectors.operator import LinearOperator
from petrecon.projectors.projector import Projector, make_projector


class InterleavedProjector(LinearOperator):
    """Line integrals [image unit · mm] of all views, from the projectors of interleaved subsets of them.

    `AcquisitionModel.subset_models` of as many subsets uses the parts instead of building them anew.

    Parameters
    ----------
    geometry : Geometry
        Of the whole scanner.
    subsets : int
        Must divide the number of views.
    backend, dtype
        As in `make_projector`.

    Raises
    ------
    InputError
        If `subsets` does not divide the number of views.
    """

    def __init__(
        self, geometry: Geometry, subsets: int, backend: str = "auto", dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__(geometry.image_shape, geometry.sinogram_shape)
        self.geometry, self.dtype = geometry, dtype
        self.parts: list[Projector] = [make_projector(g, backend, dtype) for g in geometry.subsets(subsets)]
        self.backend, self.backend_version = self.parts[0].backend, self.parts[0].backend_version

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        out = torch.empty(len(x), *self.out_shape, dtype=x.dtype, device=x.device)
        for i, part in enumerate(self.parts):
            out[:, :, i :: len(self.parts)] = part(x)
        return out

    def _adjoint(self, y: torch.Tensor) -> torch.Tensor:
        n = len(self.parts)
        images = (part.adjoint(y[:, :, i::n].contiguous()) for i, part in enumerate(self.parts))
        return cast(torch.Tensor, sum(images))
