"""Joseph's method against sums written out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from petrecon.projectors import Geometry, load_scanner, make_projector
from tests.properties import assert_adjoint


def lines(*ends, shape, voxel):
    start, end = np.array([e[0] for e in ends], float), np.array([e[1] for e in ends], float)
    return make_projector(Geometry(start, end, shape, voxel), "joseph", torch.float64)


def test_lines_along_the_axes_sum_rows_and_columns():
    """Through voxel centres: the sum of a row times the voxel's length."""
    image = torch.arange(6.0, dtype=torch.float64).reshape(3, 2)
    along_x = lines([(-9, -2, 0), (9, -2, 0)], [(-9, 2, 0), (9, 2, 0)], shape=(3, 2), voxel=(3.0, 4.0))
    along_y = lines([(3, -9, 0), (3, 9, 0)], shape=(3, 2), voxel=(3.0, 4.0))
    assert along_x(image).tolist() == [3 * (0 + 2 + 4), 3 * (1 + 3 + 5)]
    assert along_y(image).tolist() == [4 * (4 + 5)]


def test_a_diagonal_through_voxel_centres_has_the_length_of_the_diagonal():
    """Voxel diagonals: sqrt(2) in the plane and sqrt(3) in space per voxel crossed."""
    flat = lines([(-9, -9, 0), (9, 9, 0)], shape=(4, 4), voxel=(1.0, 1.0))
    assert flat(torch.eye(4, dtype=torch.float64)).item() == pytest.approx(4 * 2**0.5)
    solid = lines([(-9, -9, -9), (9, 9, 9)], shape=(3, 3, 3), voxel=(1.0, 1.0, 1.0))
    cube = torch.zeros(3, 3, 3, dtype=torch.float64)
    cube[[0, 1, 2], [0, 1, 2], [0, 1, 2]] = 1
    assert solid(cube).item() == pytest.approx(3 * 3**0.5)


def test_a_line_between_two_voxels_takes_half_of_each():
    image = torch.tensor([[1.0, 5.0]], dtype=torch.float64)
    assert lines([(-9, 0, 0), (9, 0, 0)], shape=(1, 2), voxel=(2.0, 2.0))(image).item() == pytest.approx(6.0)


def test_a_grazing_line_fades_linearly_over_the_outermost_voxel():
    """At a quarter voxel inside, on, and a quarter voxel outside the face: 3/4, 1/2 and 1/4 of the row."""
    graze = [[(-9, 2 + d, 0), (9, 2 + d, 0)] for d in (-0.25, 0.0, 0.25)]
    values = lines(*graze, shape=(4, 4), voxel=(1.0, 1.0))(torch.ones(4, 4, dtype=torch.float64))
    assert values.tolist() == pytest.approx([3.0, 2.0, 1.0])


def test_a_line_along_z_sums_a_column_of_a_volume():
    volume = torch.arange(8.0, dtype=torch.float64).reshape(2, 2, 2)
    along_z = lines([(0.5, -0.5, -9), (0.5, -0.5, 9)], shape=(2, 2, 2), voxel=(1.0, 1.0, 2.5))
    assert along_z(volume).item() == pytest.approx(2.5 * (4 + 5))


def test_lines_that_miss_and_points_give_zero():
    nothing = lines(
        [(-9, 7, 0), (9, 7, 0)],
        [(1, 1, 0), (1, 1, 0)],
        [(50, 9, 0), (60, 9, 0)],
        shape=(4, 4),
        voxel=(1.0, 1.0),
    )
    assert nothing(torch.ones(4, 4, dtype=torch.float64)).tolist() == [0, 0, 0]


def test_only_the_part_between_the_end_points_counts():
    """From x = -4 to the centre of an 8-voxel row: four of its planes."""
    half = lines([(-4, 0.5, 0), (0, 0.5, 0)], shape=(8, 2), voxel=(1.0, 1.0))
    assert half(torch.ones(8, 2, dtype=torch.float64)).item() == pytest.approx(4.0)


def test_a_line_that_ends_on_a_voxel_centre_has_its_own_length_and_no_more():
    """80 mm between two centres of 4 mm voxels: half of the first and of the last, so 80 mm of ones and not 84."""
    image = torch.ones(48, 48, dtype=torch.float64)
    ends = [(-38, 2, 0), (42, 2, 0)]
    assert lines(ends, shape=(48, 48), voxel=(4.0, 4.0))(image).item() == pytest.approx(80.0, abs=1e-9)
    image[28] = 7.0  # the plane of the centre at 18 mm is crossed, that of 42 mm (number 34) by half
    image[34] = 11.0
    assert lines(ends, shape=(48, 48), voxel=(4.0, 4.0))(image).item() == pytest.approx(80.0 + 4 * 6.0 + 2 * 10.0)


def test_a_segment_within_one_slab_counts_with_its_own_part_of_it(backend):
    """From 0.2 to 0.7 of a slab of 2 mm, and across the border of two: 1 mm of ones each, by both backends."""
    if backend == "parallelproj":
        pytest.skip("libparallelproj counts whole planes where a line ends inside the image")
    inside, across = [(-0.6, 1, 0), (0.4, 1, 0)], [(1.7, 1, 0), (2.7, 1, 0)]
    start, end = np.array([inside[0], across[0]], float), np.array([inside[1], across[1]], float)
    operator = make_projector(Geometry(start, end, (9, 4), (2.0, 2.0)), backend, torch.float64)
    assert operator(torch.ones(9, 4, dtype=torch.float64)).tolist() == pytest.approx([1.0, 1.0])
    one = torch.zeros(9, 4, dtype=torch.float64)
    one[5] = 3.0  # the slab from 1 to 3 mm
    assert operator(one).tolist() == pytest.approx([0.0, 3.0])
    assert operator(torch.stack([one, one]))[1].tolist() == pytest.approx([0.0, 3.0])


def test_segments_inside_a_box_of_ones_have_their_exact_length(backend):
    if backend == "parallelproj":
        pytest.skip("libparallelproj counts whole planes where a line ends inside the image")
    shape, draw = (16, 14, 12), np.random.default_rng(3)
    start, end = (draw.uniform(-0.8, 0.8, (2000, 3)) * shape for _ in range(2))
    operator = make_projector(Geometry(start, end, shape, (2.0,) * 3), backend, torch.float64)
    np.testing.assert_allclose(operator(torch.ones(shape).double()), np.linalg.norm(end - start, axis=1), atol=1e-9)


def test_the_adjoint_of_segments_that_end_inside_is_exact(backend):
    if backend == "parallelproj":
        pytest.skip("libparallelproj has float32 only")
    shape, draw = (9, 8, 7), np.random.default_rng(4)
    start, end = (draw.uniform(-1.2, 1.2, (300, 3)) * shape for _ in range(2))
    assert_adjoint(make_projector(Geometry(start, end, shape, (2.0,) * 3), backend, torch.float64), torch.float64)


def test_turning_a_line_round_changes_nothing(tiny_3d):
    back = Geometry(tiny_3d.lor_end, tiny_3d.lor_start, tiny_3d.image_shape, tiny_3d.voxel_size)
    x = torch.rand(tiny_3d.image_shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        make_projector(tiny_3d, "joseph", torch.float64)(x), make_projector(back, "joseph", torch.float64)(x)
    )


def test_a_batch_wider_than_a_block_equals_its_parts(tiny):
    """130 images: two full blocks of 64 and a remainder."""
    operator = make_projector(tiny, "joseph", torch.float64)
    x = torch.rand(130, *tiny.image_shape, dtype=torch.float64)
    y = operator(x)
    torch.testing.assert_close(y[129], operator(x[129]))
    torch.testing.assert_close(operator.adjoint(y)[63], operator.adjoint(y[63]))


def test_lines_far_outside_the_image_are_empty_and_harm_nothing():
    """Slopes of 1e-17 put the entry of such a line at plane 1e16: it was followed into foreign memory once."""
    geometry = load_scanner("hrrt").geometry("quick", dims=3)
    image = torch.rand(geometry.image_shape)
    joseph = make_projector(geometry, backend="joseph")
    stored = make_projector(geometry, backend="matrix")
    assert torch.allclose(joseph(image), stored(image), rtol=1e-4, atol=1e-3)
