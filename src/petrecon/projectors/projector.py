"""One function that turns a geometry into a projector, whichever backend computes it."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
from importlib.metadata import version

import torch

from petrecon.errors import InputError, MissingError, ParameterError, did_you_mean
from petrecon.projectors.geometry import Geometry
from petrecon.projectors.joseph import JosephProjector
from petrecon.projectors.matrix import MatrixProjector
from petrecon.projectors.parallelproj import ParallelprojProjector, core, core_version

BACKENDS = ("matrix", "joseph", "parallelproj")
_log = logging.getLogger(__name__)

Projector = MatrixProjector | JosephProjector | ParallelprojProjector


def available_backends() -> dict[str, str]:
    """Return the backends that work here.

    Returns
    -------
    dict of str to str
        Backend → name and version of what computes it.
    """
    found = {"matrix": f"torch {torch.__version__}", "joseph": f"numba {version('numba')}"}
    if importlib.util.find_spec("parallelproj_core") is not None:
        with contextlib.suppress(MissingError):
            found["parallelproj"] = f"libparallelproj {core_version(core())}"
    return found


def make_projector(
    geometry: Geometry,
    backend: str = "auto",
    dtype: torch.dtype = torch.float32,
    memory_budget: float = 2 * 2**30,
    device: torch.device | str | None = None,
) -> Projector:
    """Return the operator of line integrals [image unit · mm] of a geometry.

    Parameters
    ----------
    geometry : Geometry
        Lines of response and image grid.
    backend : {"auto", "matrix", "joseph", "parallelproj"}
        All are Joseph's method. "auto" takes the matrix when it fits `memory_budget`; otherwise parallelproj
        on a CUDA device that it supports; otherwise joseph, and a log line says so.
    dtype : torch.dtype
        Precision of the work, float32 or float64; outputs have the dtype of the input.
    memory_budget : float
        Largest size of the matrix and its transpose [bytes].
    device : torch.device or str, optional
        Where the images will be; only a hint, operators follow their input.

    Returns
    -------
    LinearOperator
        From `geometry.image_shape` to `geometry.sinogram_shape`, with `.backend` and `.backend_version`.

    Raises
    ------
    ParameterError
        For an unknown backend; the message names the nearest.
    InputError
        If `backend="matrix"` does not fit the budget, or for a dtype that is neither float32 nor float64.
    MissingError
        If `backend="parallelproj"` is not installed.

    Examples
    --------
    A square of 1 in the middle of the smallest grid of the Biograph mMR, and the longest way through it:

    >>> import torch
    >>> from petrecon.projectors import load_scanner, make_projector
    >>> project = make_projector(load_scanner("biograph-mmr").geometry("quick"))
    >>> project.in_shape, project.out_shape, project.backend
    ((64, 64), (59, 112), 'matrix')
    >>> image = torch.zeros(project.in_shape)
    >>> image[24:40, 24:40] = 1.0
    >>> side_mm = 16 * project.geometry.voxel_size[0]
    >>> round(float(project(image).max()) / side_mm, 1)
    1.4
    """
    if dtype not in (torch.float32, torch.float64):
        raise InputError(f"projectors work in torch.float32 or torch.float64, not {dtype}")
    if backend == "matrix":
        return MatrixProjector(geometry, dtype, memory_budget, device)
    if backend == "joseph":
        return JosephProjector(geometry, dtype)
    if backend == "parallelproj":
        return ParallelprojProjector(geometry, dtype)
    if backend != "auto":
        raise ParameterError(f"unknown backend {backend!r}.{did_you_mean(backend, (*BACKENDS, 'auto'))}")
    try:
        return MatrixProjector(geometry, dtype, memory_budget, device)
    except InputError as error:
        chosen = _without_matrix(geometry, dtype, torch.device(device or "cpu"))
        _log.warning("projector: %s; using backend %r", str(error).split(":")[0], chosen.backend)
        return chosen


def _without_matrix(geometry: Geometry, dtype: torch.dtype, device: torch.device) -> Projector:
    """Return the projector for a geometry whose matrix does not fit."""
    on_cuda = device.type == "cuda" and dtype == torch.float32 and "parallelproj" in available_backends()
    if on_cuda and core().cuda_enabled:
        return ParallelprojProjector(geometry, dtype)
    return JosephProjector(geometry, dtype)
