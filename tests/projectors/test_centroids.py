"""Where things lie: the grid is centred on the world's origin, for even and for odd numbers of voxels on every axis."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from petrecon.projectors import GaussianResolution, Geometry, make_projector

SIZE = (2.0, 3.0, 5.0)
SHAPES = [(4, 6), (5, 7), (4, 7), (6, 4, 4), (5, 7, 3), (4, 5, 6), (5, 6, 5), (6, 5, 1), (1, 4, 6)]
FINE = 4  # lines per voxel


def centres(n, size):
    """Positions of n voxels that lie mirror-symmetric about zero [mm]."""
    middle = np.cumsum(np.full(n, size))
    return torch.from_numpy(middle - middle.mean())


def measured(shape, x):
    """Return a random image's total and its first moment along every axis, from its own voxels."""
    moments = []
    for axis, n in enumerate(shape):
        others = tuple(a for a in range(len(shape)) if a != axis)
        moments.append(float((x.sum(others) * centres(n, SIZE[axis])).sum()))
    return float(x.sum()), moments


def bundle(shape, along):
    """Return parallel lines along one axis: how they are placed on the other axes [mm], and their geometry."""
    across = [a for a in range(len(shape)) if a != along]
    steps = {a: SIZE[a] / FINE for a in across}
    places = [(np.arange(FINE * (shape[a] + 2)) - (FINE * (shape[a] + 2) - 1) / 2) * steps[a] for a in across]
    grid = np.meshgrid(*places, indexing="ij")
    start = np.zeros((*grid[0].shape, 3))
    for a, value in zip(across, grid, strict=True):
        start[..., a] = value
    end = start.copy()
    start[..., along], end[..., along] = -200.0, 200.0
    cell = float(np.prod([steps[a] for a in across]))
    return dict(zip(across, grid, strict=True)), cell, Geometry(start, end, shape, SIZE[: len(shape)])


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))
def test_projections_have_the_centroid_of_the_image(backend, shape):
    """Σ p · (line integral) over a bundle of parallel lines is the image's first moment: linear interpolation keeps it.

    The lines end a voxel outside the image, where integrals have faded to nothing, and so hold its total as well.
    """
    x = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    total, moments = measured(shape, x)
    volume = float(np.prod(SIZE[: len(shape)]))
    dtype = torch.float32 if backend == "parallelproj" else torch.float64
    near = 2e-3 if backend == "parallelproj" else 1e-6
    for along in range(len(shape)):
        places, cell, geometry = bundle(shape, along)
        for image in (x, torch.stack([x, x])):
            y = make_projector(geometry, backend, dtype)(image.to(dtype)).double()
            y = y if image is x else y[1]
            assert float(y.sum()) * cell == pytest.approx(total * volume, rel=near)
            for axis, place in places.items():
                first = float((y * torch.from_numpy(place)).sum()) * cell
                assert first / (total * volume) == pytest.approx(moments[axis] / total, abs=near)


@pytest.mark.parametrize("shape", [s for s in SHAPES if min(s) > 2], ids=lambda s: "x".join(map(str, s)))
def test_back_projection_of_a_line_lies_on_the_line(backend, shape):
    """In every plane that it crosses inside the image, the back projection's centroid is where the line is."""
    draw = np.random.default_rng(0)
    dims = len(shape)
    dtype = torch.float32 if backend == "parallelproj" else torch.float64
    near = 1e-3 if backend == "parallelproj" else 1e-6
    for along, _ in itertools.product(range(dims), range(4)):
        inside = np.array([(n - 1) / 2 * s for n, s in zip(shape, SIZE, strict=False)])
        ends = np.zeros((2, 3))
        for a in range(dims):  # steep enough that `along` leads, never out of the image sideways
            ends[:, a] = draw.uniform(-0.4, 0.4, 2) * min(inside[a], inside[along])
        ends[0, along], ends[1, along] = -inside[along] - SIZE[along], inside[along] + SIZE[along]
        geometry = Geometry(ends[:1], ends[1:], shape, SIZE[:dims])
        back = make_projector(geometry, backend, dtype).adjoint(torch.ones(1, dtype=dtype)).double().movedim(along, 0)
        across = [a for a in range(dims) if a != along]
        for plane, height in zip(back, centres(shape[along], SIZE[along]).tolist(), strict=True):
            share = (height - ends[0, along]) / (ends[1, along] - ends[0, along])
            on_line = ends[0] + share * (ends[1] - ends[0])
            assert float(plane.sum()) > 0
            for i, axis in enumerate(across):
                others = tuple(k for k in range(dims - 1) if k != i)
                profile = plane.sum(others) if others else plane
                found = float((profile * centres(shape[axis], SIZE[axis])).sum() / plane.sum())
                assert found == pytest.approx(on_line[axis], abs=near * SIZE[axis])


@pytest.mark.parametrize("n", [24, 25])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_resolution_model_moves_nothing(axis, n):
    """A point far from the border keeps its centroid, its total, and its two sides are alike."""
    shape = [25, 24, 24]
    shape[axis] = n
    blur = GaussianResolution(tuple(shape), SIZE, (5.0, 6.0, 9.0))
    point = torch.zeros(shape, dtype=torch.float64)
    at = [s // 2 for s in shape]
    point[tuple(at)] = 1.0
    y = blur(point)
    assert float(y.sum()) == pytest.approx(1.0, abs=1e-6)
    profile = y.sum(tuple(a for a in range(3) if a != axis))
    mean = float((profile * torch.arange(n)).sum())
    assert mean == pytest.approx(at[axis], abs=1e-6)
    fwhm = (5.0, 6.0, 9.0)[axis]
    spread = float((profile * (torch.arange(n) - mean) ** 2).sum()) ** 0.5 * SIZE[axis]
    assert spread == pytest.approx(fwhm / 2.3548, rel=0.01)


@pytest.mark.parametrize("shape", [(4, 7), (5, 6, 8), (1, 3, 2)])
def test_the_first_and_the_last_voxel_lie_opposite_each_other(shape):
    """A grid is centred: its origin is minus the place of its last voxel, and the field of view is its own mirror."""
    geometry = Geometry(np.full((1, 3), -50.0), np.full((1, 3), 50.0), shape, SIZE[: len(shape)])
    for n, size, origin in zip(shape, geometry.voxel_size, geometry.image_origin, strict=True):
        assert origin + (n - 1) * size == pytest.approx(-origin)
        assert origin == pytest.approx(float(centres(n, size)[0]))
    mask = geometry.field_of_view_mask()
    for axis in range(len(shape)):
        assert torch.equal(mask, mask.flip(axis))
