from __future__ import annotations

import pytest
import torch

from petrecon.errors import InputError
from petrecon.projectors import Diagonal, GaussianResolution, make_projector
from tests.properties import assert_gradcheck, assert_linear_operator


@pytest.fixture
def operator(tiny):
    return make_projector(tiny, "joseph", torch.float64)


def test_derivatives_match_finite_differences_to_second_order(tiny):
    for backend in ("matrix", "joseph"):
        assert_gradcheck(make_projector(tiny, backend, torch.float64))


def test_derivatives_of_a_composition_match_finite_differences(operator, tiny):
    blur = GaussianResolution(tiny.image_shape, tiny.voxel_size, 9.0)
    weight = torch.rand(tiny.sinogram_shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert_gradcheck(Diagonal(weight, tiny.sinogram_shape) @ operator @ blur)


def test_composition_applies_the_right_hand_operator_first(operator):
    double = Diagonal(torch.tensor(2.0), operator.in_shape)
    x = torch.rand(operator.in_shape, dtype=torch.float64)
    torch.testing.assert_close((operator @ double)(x), 2 * operator(x))
    assert_linear_operator(operator @ double, torch.float64)


def test_transpose_is_the_adjoint_and_its_own_inverse(operator):
    y = torch.rand(operator.out_shape, dtype=torch.float64)
    torch.testing.assert_close(operator.T(y), operator.adjoint(y), rtol=0, atol=0)
    assert operator.T.T is operator


def test_norm_is_the_largest_singular_value(operator):
    columns = [operator(e.reshape(operator.in_shape)).flatten() for e in torch.eye(12, dtype=torch.float64)]
    expected = float(torch.linalg.matrix_norm(torch.stack(columns), 2))
    assert operator.norm(seed=3, iterations=200) == pytest.approx(expected, rel=1e-5)


def test_empty_batch_gives_an_empty_batch_of_the_other_shape(operator):
    assert operator(torch.zeros(0, 2, *operator.in_shape)).shape == (0, 2, *operator.out_shape)


def test_output_has_the_precision_of_the_input(operator):
    assert operator(torch.rand(operator.in_shape)).dtype == torch.float32
    assert operator(torch.rand(operator.in_shape).double()).dtype == torch.float64


def test_an_input_is_never_changed(operator):
    x = torch.rand(3, *operator.in_shape, dtype=torch.float64)
    before = x.clone()
    operator(x)
    torch.testing.assert_close(x, before, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(3, 4), (4,), (4, 3, 1)])
def test_a_wrong_shape_is_refused_with_both_shapes(operator, shape):
    with pytest.raises(InputError) as error:
        operator(torch.zeros(shape))
    assert str(shape) in str(error.value)
    assert "(..., 4, 3)" in str(error.value)


def test_a_sinogram_of_the_wrong_shape_is_refused(operator):
    with pytest.raises(InputError, match=r"needs \(\.\.\., 5, 8\)"):
        operator.adjoint(torch.zeros(8, 5))


def test_integers_and_arrays_are_refused_with_the_cure(operator):
    with pytest.raises(InputError, match=r"use \.float\(\)"):
        operator(torch.zeros(operator.in_shape, dtype=torch.int64))
    with pytest.raises(InputError, match="torch.as_tensor"):
        operator(torch.zeros(operator.in_shape).numpy())


def test_shapes_that_do_not_meet_are_refused(operator):
    with pytest.raises(InputError, match="cannot compose"):
        operator @ operator
