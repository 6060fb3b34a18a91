"""The `joseph` backend: line integrals on the fly, in numba, for a block of images at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import torch

from petrecon.projectors.operator import LinearOperator

if TYPE_CHECKING:
    from petrecon.projectors.geometry import Geometry

Lines = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]

_BLOCK = 64  # images projected at once: wide enough for SIMD, small enough for the cache
_THREADS = 16  # private images in the adjoint, at most


def traced(geometry: Geometry, lines: np.ndarray | slice = slice(None)) -> Lines:
    """Return what every kernel starts with: start and end (lines, 3), shape, voxel size, border in z."""
    shape, size = geometry.box
    return *geometry.ends(lines), np.array(shape, np.int64), np.array(size, np.float64), border(geometry)


def border(geometry: Geometry) -> int:
    """Return the number of zero planes on either side in z: none for one slice in the plane of its lines."""
    return 0 if geometry.box[0][2] == 1 and geometry.in_plane else 1


class JosephProjector(LinearOperator):
    r"""Line integrals [image unit · mm] by Joseph's method: :math:`(Px)_i = \int_{\mathrm{line}\ i} x`.

    Runs on the CPU (a CUDA tensor makes a round trip) in the dtype it was made for, float32 or float64.
    """

    backend = "joseph"

    def __init__(self, geometry: Geometry, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(geometry.image_shape, geometry.sinogram_shape)
        self.geometry = geometry
        self.dtype = dtype
        self.backend_version = f"numba {version('numba')}"
        self._border = border(geometry)

    def _blocks(self) -> Iterator[tuple[slice, Lines]]:
        """Yield all lines, block by block where they are too many to keep: their numbers, and the lines."""
        if self.geometry.block >= self.geometry.lines:
            yield slice(None), self._all
            return
        for first in range(0, self.geometry.lines, self.geometry.block):
            some = slice(first, first + self.geometry.block)
            yield some, traced(self.geometry, some)

    @cached_property
    def _all(self) -> Lines:
        return traced(self.geometry)

    def _bordered(self, batch: tuple[int, ...]) -> torch.Tensor:
        n, pz = self.geometry.box[0], self._border
        return torch.zeros(n[0] + 2, n[1] + 2, n[2] + 2 * pz, *batch, dtype=self.dtype)

    def _inside(self, image: torch.Tensor) -> torch.Tensor:
        n, pz = self.geometry.box[0], self._border
        return image[1:-1, 1:-1, pz : n[2] + pz]

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        from petrecon.projectors import kernels

        x, device = x.to("cpu", self.dtype), x.device
        box = self.geometry.box[0]
        out = torch.empty(len(x), math.prod(self.out_shape), dtype=self.dtype)
        if len(x) == 1:
            image = self._bordered(())
            self._inside(image).copy_(x.reshape(box))
            for some, lines in self._blocks():
                kernels.forward_one(*lines, image.view(-1).numpy(), out[0, some].numpy())
        else:
            for first in range(0, len(x), _BLOCK):
                block = x[first : first + _BLOCK]
                image = self._bordered((len(block),))
                self._inside(image).copy_(block.reshape(-1, *box).movedim(0, -1))
                values = torch.empty(out.shape[1], len(block), dtype=self.dtype)
                for some, lines in self._blocks():
                    kernels.forward_many(*lines, image.view(-1, len(block)).numpy(), values[some].numpy())
                out[first : first + len(block)] = values.T
        return out.reshape(-1, *self.out_shape).to(device)

    def _adjoint(self, y: torch.Tensor) -> torch.Tensor:
        from numba import get_num_threads

        from petrecon.projectors import kernels

        y, device = y.to("cpu", self.dtype).reshape(len(y), -1), y.device
        threads = min(get_num_threads(), _THREADS)
        out = torch.empty(len(y), *self.geometry.box[0], dtype=self.dtype)
        for first in range(0, len(y), _BLOCK):
            block = y[first : first + _BLOCK]
            batch = () if len(y) == 1 else (len(block),)
            bordered = self._bordered(batch)
            images = torch.zeros(threads, *bordered.shape, dtype=self.dtype)
            if len(y) == 1:
                values = block[0].contiguous()
                for some, lines in self._blocks():
                    kernels.back_one(*lines, values[some].numpy(), images.view(threads, -1).numpy())
                out[0] = self._inside(images.sum(0))
            else:
                values = block.T.contiguous()
                for some, lines in self._blocks():
                    kernels.back_many(*lines, values[some].numpy(), images.view(threads, -1, len(block)).numpy())
                out[first : first + len(block)] = self._inside(images.sum(0)).movedim(-1, 0)
        return out.reshape(-1, *self.in_shape).to(device)
