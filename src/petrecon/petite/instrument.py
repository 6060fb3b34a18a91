"""A scanner made ready once for many subjects: its projectors are the dear part of a 3D exam."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor

from petrecon.petite.protocols import Reconstruction, reconstruction_of
from petrecon.projectors import (
    AcquisitionModel,
    GaussianResolution,
    Geometry,
    LinearOperator,
    Scanner,
    load_scanner,
    make_projector,
)
from petrecon.reconstruct import balanced_subsets


class Interleaved(LinearOperator):
    """Line integrals [image unit · mm] of all views, from the projectors of n interleaved subsets of them.

    The whole scanner and its ordered subsets then share one set of matrices.
    """

    def __init__(self, geometry: Geometry, parts: list[Any]) -> None:
        super().__init__(geometry.image_shape, geometry.sinogram_shape)
        self.geometry, self.parts = geometry, parts
        self.dtype, self.backend = parts[0].dtype, parts[0].backend
        self.backend_version = parts[0].backend_version

    def _forward(self, x: Tensor) -> Tensor:
        out = torch.empty(len(x), *self.out_shape, dtype=x.dtype, device=x.device)
        for i, part in enumerate(self.parts):
            out[:, :, i :: len(self.parts)] = part(x)
        return out

    def _adjoint(self, y: Tensor) -> Tensor:
        n = len(self.parts)
        return cast(Tensor, sum(part.adjoint(y[:, :, i::n].contiguous()) for i, part in enumerate(self.parts)))


class SharedModel(AcquisitionModel):
    """An acquisition model on `Interleaved` projectors, whose subsets use the parts instead of building them anew."""

    def subset_projectors(self, n: int) -> list[Any]:
        """Return the instrument's own subsets, in the order of `split`; those of another `n` are built anew."""
        parts = cast(Interleaved, self.projector).parts
        return list(parts) if n == len(parts) else super().subset_projectors(n)


@dataclass(frozen=True, eq=False)
class Instrument:
    """A scanner with its projectors, resolution and reconstruction protocol.

    Attributes
    ----------
    scanner : Scanner
    coarsening : str
    geometry : Geometry
    projector : Interleaved
    resolution : GaussianResolution
        Of the card, mm; part of every simulated exam.
    reconstruction : Reconstruction
    """

    scanner: Scanner
    coarsening: str
    geometry: Geometry
    projector: Interleaved
    resolution: GaussianResolution
    reconstruction: Reconstruction

    def model(self, attenuation: Tensor, *, reconstructing: bool = False, **options: Any) -> AcquisitionModel:
        """Return the model of an exam with attenuation factors (*sinogram_shape); options as `AcquisitionModel`.

        `reconstructing` leaves the resolution out where the scanner's protocol does.
        """
        known = self.reconstruction.resolution_model or not reconstructing
        return SharedModel(
            cast(Any, self.projector),
            attenuation=attenuation,
            resolution=self.resolution if known else None,
            **options,
        )


@lru_cache(maxsize=1)  # hundreds of MB each; exams are made scanner by scanner
def instrument(scanner: str, coarsening: str = "quick") -> Instrument:
    """Return a scanner's 3D instrument, by the name (or path) of its card.

    Raises
    ------
    CardError, ParameterError
        For an unknown scanner or coarsening, or a bad row of the reconstruction table.
    """
    card = load_scanner(scanner)
    return assemble(card, card.geometry(coarsening, 3), reconstruction_of(card.name), coarsening)


def assemble(card: Scanner, geometry: Geometry, protocol: Reconstruction, coarsening: str) -> Instrument:
    """Return the instrument of a given 3D geometry and reconstruction."""
    parts = [make_projector(g) for g in geometry.subsets(balanced_subsets(geometry.views, protocol.subsets))]
    resolution = GaussianResolution(geometry.image_shape, geometry.voxel_size, card.resolution_fwhm_mm)
    return Instrument(card, coarsening, geometry, Interleaved(geometry, parts), resolution, protocol)
