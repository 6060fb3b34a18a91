from __future__ import annotations

import numpy as np
import pytest
import torch

from petrecon.errors import InputError
from petrecon.projectors import Geometry, load_scanner, make_projector


def test_subsets_are_interleaved_views_that_make_up_the_whole(tiny):
    parts = tiny.subsets(4)
    whole = np.empty_like(tiny.lor_start)
    for i, part in enumerate(parts):
        assert part.sinogram_shape == (5, 2)
        whole[:, i::4] = part.lor_start
    np.testing.assert_array_equal(whole, tiny.lor_start)


@pytest.mark.parametrize(("n", "near"), [(3, 2), (0, 1), (9, 8), (-1, 1)])
def test_a_number_of_subsets_that_does_not_divide_names_one_that_does(tiny, n, near):
    with pytest.raises(InputError, match=f"try {near} "):
        tiny.subsets(n)


def test_a_plain_list_of_lines_has_no_subsets():
    lines = Geometry(np.zeros((3, 3)), np.ones((3, 3)), (2, 2), (1.0, 1.0))
    with pytest.raises(InputError, match="subsets"):
        lines.subsets(3)


def test_the_field_of_view_is_seen_by_every_view():
    """Each voxel of the disc lies between the outermost lines of every view."""
    geometry = load_scanner("biograph-mmr").geometry("quick")
    mask = geometry.field_of_view_mask()
    x, y = ((np.arange(n) * s + o) for n, s, o in zip(
        geometry.image_shape, geometry.voxel_size, geometry.image_origin, strict=True
    ))  # fmt: skip
    radius = np.hypot(x[:, None], y[None, :])[mask.numpy()].max()
    assert radius <= np.abs(geometry.radial_positions()).max(axis=0).min()
    assert make_projector(geometry).adjoint(torch.ones(geometry.sinogram_shape))[mask].min() > 0
    assert 0.7 < float(mask.float().mean()) < np.pi / 4


def test_the_field_of_view_of_a_volume_is_a_cylinder(tiny_3d):
    mask = tiny_3d.field_of_view_mask()
    assert mask.shape == tiny_3d.image_shape
    assert bool((mask == mask[..., :1]).all())


def test_equal_geometries_have_equal_fingerprints_and_no_others(tiny):
    same = Geometry(tiny.lor_start.copy(), tiny.lor_end.copy(), tiny.image_shape, tiny.voxel_size)
    moved = Geometry(tiny.lor_start + 1e-9, tiny.lor_end, tiny.image_shape, tiny.voxel_size)
    coarser = Geometry(tiny.lor_start, tiny.lor_end, tiny.image_shape, (7.0, 8.5))
    assert tiny.fingerprint() == same.fingerprint()
    assert len({tiny.fingerprint(), moved.fingerprint(), coarser.fingerprint()}) == 3


LINE = np.zeros((1, 3)), np.ones((1, 3))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((np.zeros((1, 3)), np.ones((2, 3)), (2, 2), (1.0, 1.0)), "shapes"),
        ((np.zeros((1, 2)), np.ones((1, 2)), (2, 2), (1.0, 1.0)), r"\(\.\.\., 3\)"),
        ((np.full((1, 3), np.nan), np.ones((1, 3)), (2, 2), (1.0, 1.0)), "finite"),
        ((*LINE, (2, 2), (1.0,)), "2 values"),
        ((*LINE, (2,), (1.0,)), "2 values"),
        ((*LINE, (0, 2), (1.0, 1.0)), "positive"),
        ((*LINE, (2, 2), (1.0, -1.0)), "positive"),
        ((*LINE, (2, 2), (1.0, float("nan"))), "positive"),
    ],
)
def test_impossible_geometries_are_refused(arguments, says):
    with pytest.raises(InputError, match=says):
        Geometry(*arguments)
