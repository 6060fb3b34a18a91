from __future__ import annotations

import sys
import types

import pytest
import torch

from petrecon.errors import InputError, MissingError
from petrecon.projectors import available_backends, make_projector


@pytest.fixture
def installed():
    if "parallelproj" not in available_backends():
        pytest.skip("parallelproj is not installed (conda install -c conda-forge libparallelproj)")


@pytest.mark.parallelproj
@pytest.mark.usefixtures("installed")
def test_float64_is_refused_by_name(tiny):
    with pytest.raises(InputError, match="float32"):
        make_projector(tiny, "parallelproj", torch.float64)


@pytest.mark.parallelproj
@pytest.mark.usefixtures("installed")
def test_an_image_of_the_wrong_shape_does_not_reach_the_library(tiny):
    """The library itself projects it without a word."""
    with pytest.raises(InputError, match="needs"):
        make_projector(tiny, "parallelproj")(torch.zeros(3, 4))


def fake(monkeypatch, version):
    """A stand-in for the compiled module that records what it is given."""
    calls = []

    def forward(start, end, image, origin, size, out):
        calls.append((start, end, image, origin, size, out))
        out += image.sum()

    def back(start, end, image, origin, size, lines):
        calls.append((start, end, image, origin, size, lines))
        image += lines.sum()

    module = types.ModuleType("parallelproj_core")
    module.__version__, module.cuda_enabled = version, 0
    module.joseph3d_fwd, module.joseph3d_back = forward, back
    monkeypatch.setitem(sys.modules, "parallelproj_core", module)
    return calls


def test_the_library_gets_contiguous_float32_in_the_order_of_its_signature(tiny, monkeypatch):
    calls = fake(monkeypatch, "2.0.8")
    operator = make_projector(tiny, "parallelproj")
    operator(torch.rand(2, 3, 4, dtype=torch.float64).transpose(1, 2))
    operator.adjoint(torch.rand(2, 8, 5).transpose(1, 2))
    assert len(calls) == 4
    for start, end, image, origin, size, sinogram in calls:
        for tensor in (start, end, image, origin, size, sinogram):
            assert tensor.dtype == torch.float32
            assert tensor.is_contiguous()
        assert start.shape == end.shape == (5, 8, 3)
        assert image.shape == (4, 3, 1)
        assert sinogram.shape == (5, 8)
        assert origin.tolist() == [-10.5, -8.0, 0.0]
        assert size.tolist() == [7.0, 8.0, 7.0]


def test_back_projection_starts_from_zero_each_time(tiny, monkeypatch):
    """The library adds to the image that it is given."""
    fake(monkeypatch, "2.0.8")
    operator = make_projector(tiny, "parallelproj")
    y = torch.ones(tiny.sinogram_shape)
    torch.testing.assert_close(operator.adjoint(y), operator.adjoint(y), rtol=0, atol=0)


def test_a_version_before_2_is_refused_with_the_cure(tiny, monkeypatch):
    fake(monkeypatch, "1.10.2")
    with pytest.raises(MissingError, match="older than 2.*conda install"):
        make_projector(tiny, "parallelproj")
