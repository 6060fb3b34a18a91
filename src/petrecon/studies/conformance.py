"""The conformance suite: what every projector backend must satisfy, measured.

`run()` returns a table (one row per backend and property) that the book shows and the tests assert. Each
check builds its own small geometry, so that it needs nothing but a way to make a projector from one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from petrecon.projectors import identities
from petrecon.projectors.geometry import Geometry
from petrecon.projectors.lines import cylinder_lines, detector_positions, ring_lines
from petrecon.projectors.operator import LinearOperator
from petrecon.projectors.projector import available_backends, make_projector

Make = Callable[[Geometry], LinearOperator]


_LINES = (
    ("plane", "in the plane"),
    ("space", "in space"),
    ("grazing", "grazing the faces"),
    ("ends", "that end inside"),
)


def ring_geometry(image: int = 48, voxel: float = 3.0) -> Geometry:
    """Return a small 2D geometry: 28 modules of 6 crystals, 168 detectors, 84 views of 61 radial bins."""
    start, end = ring_lines(detector_positions(28, 6, 26.0, 120.0), 61)
    return Geometry(start, end, (image, image), (voxel, voxel))


def cylinder_geometry() -> Geometry:
    """Return a small 3D geometry: four rings, ring differences up to 2, voxels of 5 mm x 5 mm x 3 mm.

    34 detectors in a ring leave no line at exactly 45 degrees, where rounding decides the dominant axis.
    """
    start, end = cylinder_lines(detector_positions(17, 2, 29.0, 80.0), 17, 4, 6.0, 2)
    return Geometry(start, end, (18, 16, 9), (5.0, 5.0, 3.0))


def random_lines(n: int, shape: tuple[int, ...], voxel: float, kind: str, seed: int = 0) -> Geometry:
    """Return `n` random lines through and around a box.

    `kind` is "plane" (all directions within z = 0), "space" (all directions), "grazing" (within a voxel of a
    face and at most 3 degrees from it) or "ends" (from a point inside to one in or near the box).
    """
    draw = np.random.default_rng(seed)
    half = np.array([*shape, 1][:3]) * voxel / 2
    point = draw.uniform(-1.2, 1.2, (n, 3)) * half
    direction = draw.normal(size=(n, 3))
    if kind == "plane":
        point[:, 2] = direction[:, 2] = 0
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    if kind == "grazing":
        row, axis = np.arange(n), draw.integers(0, 3, n)
        point[row, axis] = draw.choice([-1, 1], n) * half[axis] + draw.uniform(-1, 1, n) * voxel
        direction[row, axis] *= 0.05
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    if kind == "ends":
        return Geometry(point, draw.uniform(-0.9, 0.9, (n, 3)) * half, shape, (voxel,) * len(shape))
    far = 4 * half.max()
    return Geometry(point - far * direction, point + far * direction, shape, (voxel,) * len(shape))


def box_chords(geometry: Geometry, shape: tuple[int, ...]) -> np.ndarray:
    """Return the exact length of each line inside a centred box of `shape` voxels [mm], by slabs."""
    half = np.array([*shape, 1][:3]) * geometry.voxel_size[0] / 2
    start, step = geometry.lor_start, geometry.lor_end - geometry.lor_start
    with np.errstate(divide="ignore", invalid="ignore"):
        one, two = (-half - start) / step, (half - start) / step
    enter = np.fmax.reduce(np.minimum(one, two), axis=-1).clip(0, 1)
    leave = np.fmin.reduce(np.maximum(one, two), axis=-1).clip(0, 1)
    return (leave - enter).clip(0) * np.linalg.norm(step, axis=-1)


def chord_error(make: Make, kind: str, dtype: torch.dtype, border: int = 0, n: int = 100_000) -> tuple[float, float]:
    """Return |mean| and mean absolute chord error [voxel] of a box of ones, with or without a zero border."""
    shape = (48, 40) if kind == "plane" else (32, 28, 24)
    lines = random_lines(n, shape, 2.0, kind)
    geometry = Geometry(lines.lor_start, lines.lor_end, tuple(s + 2 * border for s in shape), lines.voxel_size)
    box = torch.nn.functional.pad(torch.ones(shape, dtype=dtype), (border,) * 2 * len(shape))
    error = (make(geometry)(box).double().numpy() - box_chords(lines, shape)) / 2.0
    return abs(float(error.mean())), float(np.abs(error).mean())


def blob(geometry: Geometry, dtype: torch.dtype, centre: tuple[float, float] = (0.0, 0.0)) -> torch.Tensor:
    """Return a smooth asymmetric 2D image: a Gaussian of 12 mm by 7 mm about `centre` [mm]."""
    x, y = (
        o + s * torch.arange(n, dtype=torch.float64)
        for o, s, n in zip(geometry.image_origin, geometry.voxel_size, geometry.image_shape, strict=True)
    )
    spread = ((x[:, None] - centre[0]) / 12) ** 2 + ((y[None, :] - centre[1]) / 7) ** 2
    return torch.exp(-0.5 * spread).to(dtype)


def orientation_error(make: Make, dtype: torch.dtype) -> float:
    """Return how far [mm], at worst over views, a view's lines are on average from the blob that they see.

    A point at (x, y) appears at s = x cos(angle) + y sin(angle), so the distance of the lines from it,
    weighted by what they measure of a small blob there, averages to zero.
    """
    geometry, at = ring_geometry(), (21.0, -9.0)
    sinogram = make(geometry)(blob(geometry, dtype, at)).double().numpy()
    position = geometry.radial_positions()
    along = geometry.lor_end - geometry.lor_start
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    distance = position - (at[0] * along[..., 1] - at[1] * along[..., 0])
    weight = sinogram * np.gradient(position, axis=0)
    return float(np.abs((weight * distance).sum(0) / weight.sum(0)).max())


def quarter_turn_error(make: Make, dtype: torch.dtype) -> float:
    """Return the relative error of: turning the image by 90 degrees shifts the sinogram by half its views."""
    geometry = ring_geometry()
    operator, image = make(geometry), blob(geometry, dtype, (21.0, -9.0))
    before, after = operator(image), operator(torch.rot90(image, 1))
    half = geometry.views // 2
    shifted = torch.cat([before[:, half:].flip(0), before[:, :half]], dim=1)
    return float((after - shifted).norm() / before.norm())


def mirror_error(make: Make, dtype: torch.dtype) -> float:
    """Return the relative error of: mirroring image and lines in x changes nothing."""
    geometry = ring_geometry()
    flip = np.array([-1.0, 1.0, 1.0])
    mirrored = Geometry(geometry.lor_start * flip, geometry.lor_end * flip, geometry.image_shape, geometry.voxel_size)
    image = blob(geometry, dtype, (21.0, -9.0))
    before, after = make(geometry)(image), make(mirrored)(image.flip(0))
    return float((after - before).norm() / before.norm())


def total_error(make: Make, dtype: torch.dtype) -> float:
    """Return the worst relative difference, over views, of the view's integral and the image's integral."""
    geometry = ring_geometry()
    image = blob(geometry, dtype)
    spacing = np.gradient(geometry.radial_positions(), axis=0)
    totals = (make(geometry)(image).double().numpy() * spacing).sum(0)
    expected = float(image.double().sum()) * math.prod(geometry.voxel_size)
    return float(np.abs(totals / expected - 1).max())


def disc_error(make: Make, dtype: torch.dtype, radius: float = 50.0, fine: int = 8) -> float:
    """Return the mean absolute error of a disc's chords, 2 sqrt(radius² - s²), relative to their mean."""
    geometry = ring_geometry()
    n, voxel = geometry.image_shape[0], geometry.voxel_size[0]
    axis = (np.arange(n * fine) - (n * fine - 1) / 2) * voxel / fine
    disc = (np.hypot(axis[:, None], axis[None, :]) < radius).astype(float)
    image = torch.from_numpy(disc.reshape(n, fine, n, fine).mean(axis=(1, 3))).to(dtype)
    exact = 2 * np.sqrt(np.clip(radius**2 - geometry.radial_positions() ** 2, 0, None))
    return float(np.abs(make(geometry)(image).double().numpy() - exact).mean() / exact.mean())


def centring_error(make: Make, dtype: torch.dtype, shift: float = 0.0) -> float:
    """Return the relative loss of a one-slice image's integrals when its lines lie `shift` voxels off it."""
    geometry = ring_geometry()
    lift = np.array([0.0, 0.0, shift * geometry.voxel_size[0]])
    lines = Geometry(geometry.lor_start + lift, geometry.lor_end + lift, geometry.image_shape, geometry.voxel_size)
    thick = Geometry(lines.lor_start, lines.lor_end, (*geometry.image_shape, 3), (*geometry.voxel_size, 3.0))
    image = blob(geometry, dtype)
    one, three = make(lines)(image), make(thick)(image[..., None].expand(*image.shape, 3).contiguous())
    return float((one - three).norm() / three.norm())


def agreement_error(make: Make, dtype: torch.dtype) -> float:
    """Return the relative difference from the joseph backend, both ways, on images with a zero border."""
    worst = 0.0
    for geometry in (ring_geometry(), cylinder_geometry()):
        operator, reference = make(geometry), make_projector(geometry, "joseph", dtype)
        inside = tuple(slice(1, -1) for _ in geometry.image_shape)
        draw = torch.Generator().manual_seed(0)
        x = torch.zeros(geometry.image_shape, dtype=dtype)
        x[inside] = torch.rand(x[inside].shape, generator=draw, dtype=dtype)
        y = torch.rand(geometry.sinogram_shape, generator=draw, dtype=dtype)
        worst = max(worst, float((operator(x) - reference(x)).norm() / reference(x).norm()))
        back, expected = operator.adjoint(y)[inside], reference.adjoint(y)[inside]
        worst = max(worst, float((back - expected).norm() / expected.norm()))
    return worst


def _checks(make: Make, dtype: torch.dtype) -> list[tuple[str, float, float, str]]:
    """Return (property, measured, threshold, note) for one way of making projectors."""
    double = dtype == torch.float64
    ring, cylinder = make(ring_geometry()), make(cylinder_geometry())
    both = (ring, cylinder)
    rounding = 1e-12 if double else 1e-5
    rows = [
        (
            "adjoint: dot product",
            max(identities.dot_product_error(a, dtype) for a in both),
            rounding,
            "25 seeds",
        ),
        ("linear", max(identities.linearity_error(a, dtype) for a in both), rounding, ""),
        (
            "exact derivatives",
            max(identities.derivative_error(a, dtype) for a in both),
            1e-10 if double else 1e-5,
            "vjp, jvp and Hessian-vector product, of the map and of its adjoint",
        ),
        ("batch = loop", max(identities.batch_error(a, dtype) for a in both), rounding, "also under vmap"),
        ("non-contiguous input", max(identities.stride_error(a, dtype) for a in both), rounding, ""),
        ("equal to joseph", agreement_error(make, dtype), rounding, "relative, images with a zero border"),
    ]
    for kind, label in _LINES:
        for border in (0, 1):
            signed, absolute = chord_error(make, kind, dtype, border)
            where = f"chords of a box, lines {label}" + (", zero border" if border else "")
            value = absolute if kind in ("plane", "ends") else signed
            what = "mean absolute" if kind in ("plane", "ends") else "mean"
            rows.append((where, value, 0.05, f"voxel, {what} error of 100000 lines; mean absolute {absolute:.3g}"))
    shifted = centring_error(make, dtype, 0.15)
    rows += [
        ("chords of a disc", disc_error(make, dtype), 0.015, "relative, mean absolute error"),
        ("orientation", orientation_error(make, dtype), 0.05, "mm, off-centre blob, worst view"),
        (
            "quarter turn",
            quarter_turn_error(make, dtype),
            1e-10 if double else 1e-5,
            "shifts by half the views",
        ),
        ("mirror", mirror_error(make, dtype), 1e-10 if double else 1e-5, "image and lines mirrored in x"),
        ("total counts", total_error(make, dtype), 0.005, "relative, worst view"),
        (
            "slice in the plane of its lines",
            centring_error(make, dtype),
            rounding,
            f"0.15 voxel off loses {shifted:.0%}",
        ),
    ]
    return rows


def run(backends: list[str] | None = None, dtype: torch.dtype = torch.float64) -> list[dict[str, Any]]:
    """Measure every property of every backend.

    Parameters
    ----------
    backends : list of str, optional
        All available ones when omitted.
    dtype : torch.dtype
        float64 shows the identities, float32 what work is done in. parallelproj has float32 only.

    Returns
    -------
    list of dict
        With keys backend, version, dtype, property, measured, threshold, passed, note.
    """
    versions = available_backends()
    table = []
    for backend in backends or list(versions):
        working = torch.float32 if backend == "parallelproj" else dtype

        def make(geometry: Geometry, backend: str = backend, working: torch.dtype = working) -> LinearOperator:
            return make_projector(geometry, backend, working)

        for name, measured, threshold, note in _checks(make, working):
            table.append(
                {
                    "backend": backend,
                    "version": versions.get(backend, ""),
                    "dtype": str(working).removeprefix("torch."),
                    "property": name,
                    "measured": measured,
                    "threshold": threshold,
                    "passed": bool(measured <= threshold),
                    "note": note,
                }
            )
    return table
