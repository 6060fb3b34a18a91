"""The `matrix` backend: Joseph's matrix and its transpose as two sparse tensors."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import torch

from petrecon.errors import InputError
from petrecon.projectors.operator import LinearOperator

if TYPE_CHECKING:
    from petrecon.projectors.geometry import Geometry

_CHUNK = 32  # columns per sparse product: more at once cost double
_SAMPLED = 100_000  # lines from which on the size is estimated first
_MARGIN = 1.1  # an estimate this much over the budget is over it: its error is some per cent at most


class MatrixProjector(LinearOperator):
    r"""Line integrals [image unit · mm] as two stored sparse matrices, :math:`P` and :math:`P^T`.

    CSR with int32 indices; the transpose is a second CSR, since multiplying by a transposed CSR is hundreds
    of times slower. Moves to the device of its input on first use there.

    Raises
    ------
    InputError
        If both matrices need more than `memory_budget` bytes; the message says how much they need. A sample of the
        lines tells, unless it comes close to the budget.
    """

    backend = "matrix"

    def __init__(
        self,
        geometry: Geometry,
        dtype: torch.dtype = torch.float32,
        memory_budget: float = 2 * 2**30,
        device: torch.device | str | None = None,
    ) -> None:
        from petrecon.projectors.assembly import assemble, count_entries, estimated_entries
        from petrecon.projectors.joseph import traced

        super().__init__(geometry.image_shape, geometry.sinogram_shape)
        self.geometry = geometry
        self.dtype = dtype
        self.backend_version = f"torch {torch.__version__}"
        if geometry.lines > _SAMPLED:
            self._check_size(estimated_entries(geometry), memory_budget, estimated=True)
        lines = traced(geometry)
        per_line, per_voxel = count_entries(lines)
        self.entries = int(per_line.sum())
        self.nbytes = self._check_size(self.entries, memory_budget)
        rows, columns = math.prod(self.out_shape), math.prod(self.in_shape)
        numpy_dtype = torch.empty(0, dtype=dtype).numpy().dtype
        matrix, transpose = assemble(lines, per_line, per_voxel, numpy_dtype)
        home = torch.device(device or "cpu")
        self._pairs = {home: (_csr(matrix, (rows, columns), home), _csr(transpose, (columns, rows), home))}

    def _check_size(self, entries: int, memory_budget: float, estimated: bool = False) -> int:
        """Return the size of both matrices [bytes]; refuse one that is over the budget or the range of int32."""
        numbers = math.prod(self.out_shape) + math.prod(self.in_shape) + 2
        nbytes = 2 * entries * (4 + self.dtype.itemsize) + 4 * numbers
        about, slack = ("about ", _MARGIN) if estimated else ("", 1.0)
        if nbytes > memory_budget * slack:
            raise InputError(
                f"the matrix needs {about}{math.ceil(nbytes / 2**20)} MiB and memory_budget allows "
                f'{int(memory_budget // 2**20)} MiB: raise memory_budget or use backend="joseph"'
            )
        if entries >= 2**31 * slack:
            raise InputError(f'the matrix has {about}{entries} entries, and at most 2^31 work: use backend="joseph"')
        return nbytes

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._multiply(x, 0).reshape(-1, *self.out_shape)

    def _adjoint(self, y: torch.Tensor) -> torch.Tensor:
        return self._multiply(y, 1).reshape(-1, *self.in_shape)

    def _multiply(self, x: torch.Tensor, which: int) -> torch.Tensor:
        if x.device not in self._pairs:
            pair = next(iter(self._pairs.values()))
            self._pairs[x.device] = (pair[0].to(x.device), pair[1].to(x.device))
        matrix = self._pairs[x.device][which]
        x = x.to(self.dtype).reshape(len(x), -1)
        if len(x) == 1:
            return (matrix @ x[0])[None]
        out = x.new_empty(len(x), matrix.shape[0])
        for first in range(0, len(x), _CHUNK):
            out[first : first + _CHUNK] = (matrix @ x[first : first + _CHUNK].T.contiguous()).T
        return out


def _csr(parts: tuple, shape: tuple[int, int], device: torch.device) -> torch.Tensor:
    """Wrap row pointers, column indices and values as a sparse tensor, without a copy on the CPU."""
    pointers, indices, values = (torch.from_numpy(part).to(device) for part in parts)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse")  # torch: "CSR support is in beta state"
        return torch.sparse_csr_tensor(pointers, indices, values, shape, check_invariants=False)
