"""Joseph's method against sums written out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from petrecon.projectors import Geometry, load_scanner, projector


def lines(*ends, shape, voxel):
    start, end = np.array([e[0] for e in ends], float), np.array([e[1] for e in ends], float)
    return projector(Geometry(start, end, shape, voxel), "joseph", torch.float64)


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


def test_turning_a_line_round_changes_nothing(tiny_3d):
    back = Geometry(tiny_3d.lor_end, tiny_3d.lor_start, tiny_3d.image_shape, tiny_3d.voxel_size)
    x = torch.rand(tiny_3d.image_shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        projector(tiny_3d, "joseph", torch.float64)(x), projector(back, "joseph", torch.float64)(x)
    )


def test_a_batch_wider_than_a_block_equals_its_parts(tiny):
    """130 images: two full blocks of 64 and a remainder."""
    operator = projector(tiny, "joseph", torch.float64)
    x = torch.rand(130, *tiny.image_shape, dtype=torch.float64)
    y = operator(x)
    torch.testing.assert_close(y[129], operator(x[129]))
    torch.testing.assert_close(operator.adjoint(y)[63], operator.adjoint(y[63]))


def test_lines_far_outside_the_image_are_empty_and_harm_nothing():
    """Slopes of 1e-17 put the entry of such a line at plane 1e16: it was followed into foreign memory once."""
    geometry = load_scanner("hrrt").geometry("quick", dims=3)
    image = torch.rand(geometry.image_shape)
    joseph = projector(geometry, backend="joseph")
    stored = projector(geometry, backend="matrix")
    assert torch.allclose(joseph(image), stored(image), rtol=1e-4, atol=1e-3)
