"""The `parallelproj` backend: the two functions of `parallelproj_core` (2.0 or newer), bound directly."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import torch

from petrecon.errors import InputError, MissingError
from petrecon.projectors.operator import LinearOperator

if TYPE_CHECKING:
    from petrecon.projectors.geometry import Geometry


def core() -> ModuleType:
    """Return the module `parallelproj_core`.

    Raises
    ------
    MissingError
        If it is not installed, or too old.
    """
    try:
        import parallelproj_core
    except ImportError as error:
        raise MissingError(
            "parallelproj is not installed: run `conda install -c conda-forge 'libparallelproj>=2'`, "
            'or use backend="auto"'
        ) from error
    if int(core_version(parallelproj_core).split(".")[0]) < 2:
        raise MissingError("parallelproj is older than 2: run `conda install -c conda-forge 'libparallelproj>=2'`")
    return parallelproj_core


def core_version(module: ModuleType) -> str:
    """Return the version of an imported `parallelproj_core`."""
    return str(getattr(module, "__version__", "0"))


class ParallelprojProjector(LinearOperator):
    r"""Line integrals [image unit · mm] by libparallelproj, one image after another, in float32.

    Runs on the CPU, and on CUDA when the library was built with it. Its shape checks let a wrong image
    through, so `LinearOperator` checks; its kernels take contiguous float32 only, so inputs are converted.

    Where a line ends inside the image, libparallelproj counts whole planes (those between the end points), our other
    backends the line's own length: there, and only there, they differ by up to one plane per end. The lines of a
    scanner end outside its image.

    Source: G. Schramm and K. Thielemans, "PARALLELPROJ", Frontiers in Nuclear Medicine 3, 2024.
    """

    backend = "parallelproj"

    def __init__(self, geometry: Geometry, dtype: torch.dtype = torch.float32) -> None:
        self._core = core()
        if dtype != torch.float32:
            raise InputError(f'parallelproj works in float32, not {dtype}: use backend="matrix" or "joseph"')
        super().__init__(geometry.image_shape, geometry.sinogram_shape)
        self.geometry = geometry
        self.dtype = dtype
        self.backend_version = f"libparallelproj {core_version(self._core)}"
        shape, size = geometry.box
        origin = [-(n - 1) / 2 * s for n, s in zip(shape, size, strict=True)]
        ends = [torch.from_numpy(e).float().contiguous() for e in (geometry.lor_start, geometry.lor_end)]
        self._shape = shape
        self._constants = {torch.device("cpu"): (*ends, torch.tensor(origin), torch.tensor(size))}

    def _on(self, device: torch.device) -> tuple[torch.Tensor, ...]:
        if device not in self._constants:
            if not self._core.cuda_enabled:
                raise InputError("this libparallelproj was built without CUDA: move the tensor with .cpu()")
            self._constants[device] = tuple(t.to(device) for t in self._constants[torch.device("cpu")])
        return self._constants[device]

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        start, end, origin, size = self._on(x.device)
        out = torch.zeros(len(x), *self.out_shape, device=x.device)
        for image, lines in zip(x.float().reshape(-1, *self._shape), out, strict=True):
            self._core.joseph3d_fwd(start, end, image.contiguous(), origin, size, lines)
        return out

    def _adjoint(self, y: torch.Tensor) -> torch.Tensor:
        start, end, origin, size = self._on(y.device)
        out = torch.zeros(len(y), *self._shape, device=y.device)
        for lines, image in zip(y.float(), out, strict=True):
            self._core.joseph3d_back(start, end, image, origin, size, lines.contiguous())
        return out.reshape(-1, *self.in_shape)
