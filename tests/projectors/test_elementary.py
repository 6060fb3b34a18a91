from __future__ import annotations

import numpy as np
import pytest
import torch

from petrecon.errors import InputError
from petrecon.projectors import Diagonal, GaussianResolution, load_scanner, scanner_names
from tests.properties import assert_gradcheck, assert_linear_operator


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_resolution_model_is_a_self_adjoint_operator(dtype):
    for blur in (
        GaussianResolution((12, 9), (2.0, 3.0), 5.0),
        GaussianResolution((7, 6, 5), (2.0, 2.0, 3.0), (4.0, 5.0, 0.0)),
    ):
        assert_linear_operator(blur, dtype)
        x = torch.rand(blur.in_shape, dtype=dtype)
        torch.testing.assert_close(blur(x), blur.adjoint(x), rtol=0, atol=0)


def test_resolution_model_has_the_width_it_was_given():
    """The second moment of a blurred point is (FWHM / 2.3548)^2 along each axis."""
    blur = GaussianResolution((65, 65), (1.5, 2.0), (6.0, 9.0))
    point = torch.zeros(65, 65, dtype=torch.float64)
    point[32, 32] = 1
    image = blur(point)
    assert float(image.sum()) == pytest.approx(1, abs=1e-9)
    for axis, (size, width) in enumerate(((1.5, 6.0), (2.0, 9.0))):
        position = (torch.arange(65) - 32) * size
        second = float((image.sum(1 - axis) * position**2).sum())
        assert second**0.5 == pytest.approx(width / (8 * np.log(2)) ** 0.5, rel=1e-6)


def test_resolution_model_equals_scipy_with_zeros_outside():
    from scipy.ndimage import gaussian_filter

    image = torch.rand(20, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    sigma = 2.0 / (8 * np.log(2)) ** 0.5
    expected = gaussian_filter(image.numpy(), sigma, mode="constant", truncate=12)
    np.testing.assert_allclose(GaussianResolution((20, 24), (1.0, 1.0), 2.0)(image), expected, rtol=1e-6)


def test_no_width_and_one_slice_leave_the_image_alone():
    x = torch.rand(4, 1)
    torch.testing.assert_close(GaussianResolution((4, 1), (1.0, 1.0), (0.0, 8.0))(x), x, rtol=0, atol=0)


@pytest.mark.parametrize("width", [-1.0, float("nan"), (3.0,), (3.0, float("inf"))])
def test_an_impossible_width_is_refused(width):
    with pytest.raises(InputError, match="fwhm_mm"):
        GaussianResolution((4, 4), (1.0, 1.0), width)


def test_diagonal_is_an_operator():
    values = torch.rand(5, 1, dtype=torch.float64)
    assert_linear_operator(Diagonal(values, (5, 4)), torch.float64)
    assert_gradcheck(Diagonal(values, (5, 4)))


def test_diagonal_of_frames_applies_one_value_to_each_frame():
    frames = Diagonal(torch.tensor([1.0, 2.0, 3.0]).reshape(3, 1, 1), (2, 2))
    assert frames(torch.ones(5, 3, 2, 2))[4, :, 0, 0].tolist() == [1, 2, 3]
    with pytest.raises(InputError, match="leading axes"):
        frames(torch.ones(2, 2))
    with pytest.raises(InputError, match="leading axes"):
        frames(torch.ones(4, 2, 2))


def test_diagonal_refuses_values_that_do_not_broadcast():
    with pytest.raises(InputError, match=r"\(3, 2\)"):
        Diagonal(torch.ones(3, 2), (2, 2))


@pytest.mark.parametrize("name", scanner_names())
@pytest.mark.parametrize("coarsening", ["quick", "laptop", "paper"])
def test_no_entry_of_a_blur_is_denormal_in_single_precision(name, coarsening):
    """A product with a denormal number can cost a hundred ordinary ones: far tails are zero instead."""
    card = load_scanner(name)
    for grid in (card.coarsened(coarsening, dims=2), card.coarsened(coarsening, dims=3)):
        for size, voxel in zip(grid.image_shape, grid.voxel_mm, strict=True):
            blur = GaussianResolution((size, 1), (voxel, voxel), card.resolution_fwhm_mm)(torch.eye(size)[..., None])
            assert not ((blur > 0) & (blur < 1.2e-38)).any()
            assert (blur > 0).sum() > size  # and it still blurs
