import pytest
import torch

from petrecon.reconstruct import gaussian_filter


def test_point_gets_the_stated_width_in_mm_along_each_axis():
    """Second moment of a smoothed point = sigma² = (FWHM / 2.3548)², voxel size counted."""
    point = torch.zeros(41, 41, dtype=torch.float64)
    point[20, 20] = 1.0
    smooth = gaussian_filter(point, (2.0, 3.0), 12.0)
    for axis, size in ((0, 2.0), (1, 3.0)):
        profile = smooth.sum(1 - axis)
        position = size * (torch.arange(41) - 20)
        assert (profile * position**2).sum().item() == pytest.approx((12 / 2.3548200450309493) ** 2, rel=0.02)
    assert smooth.sum().item() == pytest.approx(1.0, rel=1e-6)


def test_zero_width_returns_the_image():
    image = torch.rand(5, 5)
    assert gaussian_filter(image, (1.0, 1.0), 0.0) is image
