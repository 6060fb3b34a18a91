r"""The model of an exam, ybar = c N L P G x + b."""

from __future__ import annotations

import math

import pytest
import torch

from petrecon.errors import InputError
from petrecon.projectors import (
    AcquisitionModel,
    GaussianResolution,
    attenuation_factors,
    load_scanner,
    make_projector,
)
from tests.properties import assert_gradcheck, assert_linear_operator

F64 = torch.float64


@pytest.fixture
def parts(tiny):
    draw = torch.Generator().manual_seed(0)
    shape = tiny.sinogram_shape
    return {
        "attenuation": torch.rand(shape, dtype=F64, generator=draw),
        "normalisation": 0.5 + torch.rand(shape, dtype=F64, generator=draw),
        "resolution": GaussianResolution(tiny.image_shape, tiny.voxel_size, 9.0),
        "scale": 2.5,
        "background": torch.rand(shape, dtype=F64, generator=draw),
    }


@pytest.fixture
def model(tiny, parts):
    return AcquisitionModel(make_projector(tiny, dtype=F64), **parts)


def test_expected_counts_are_the_formula(tiny, parts, model):
    x = torch.rand(tiny.image_shape, dtype=F64)
    line_integrals = make_projector(tiny, "joseph", F64)(parts["resolution"](x))
    expected = 2.5 * parts["normalisation"] * parts["attenuation"] * line_integrals + parts["background"]
    torch.testing.assert_close(model(x), expected)


def test_linear_part_is_an_exact_operator(model):
    assert_linear_operator(model.linear, F64)
    assert_gradcheck(model.linear)


def test_background_is_counts_and_no_scale_touches_it(tiny, parts):
    for scale in (0.0, 1.0, 7.0):
        model = AcquisitionModel(make_projector(tiny, dtype=F64), **{**parts, "scale": scale})
        torch.testing.assert_close(model(torch.zeros(tiny.image_shape, dtype=F64)), parts["background"])


def test_no_count_appears_without_activity_or_background(tiny):
    model = AcquisitionModel(make_projector(tiny))
    assert float(model(torch.zeros(tiny.image_shape)).sum()) == 0
    assert float(model.background.sum()) == 0


def test_sensitivity_is_the_adjoint_of_ones_and_is_kept(model):
    expected = model.linear.adjoint(torch.ones(model.sinogram_shape, dtype=F64))
    torch.testing.assert_close(model.sensitivity(), expected)
    assert model.sensitivity() is model.sensitivity()


def test_each_frame_has_its_scale(tiny, parts):
    """One value per frame: leading axes, for images, counts and sensitivity alike."""
    scale = torch.tensor([1.0, 2.0, 4.0], dtype=F64)
    frames = AcquisitionModel(make_projector(tiny, dtype=F64), **{**parts, "scale": scale})
    x = torch.rand(2, 3, *tiny.image_shape, dtype=F64)
    for t in range(3):
        single = AcquisitionModel(make_projector(tiny, dtype=F64), **{**parts, "scale": float(scale[t])})
        torch.testing.assert_close(frames(x)[:, t], single(x[:, t]))
        torch.testing.assert_close(frames.sensitivity()[t], single.sensitivity())
    y = torch.rand(2, 3, *tiny.sinogram_shape, dtype=F64)
    gap = (frames.linear(x) * y).sum() - (x * frames.linear.adjoint(y)).sum()
    assert abs(float(gap)) < 1e-10 * float(y.norm() * frames.linear(x).norm())


def test_images_without_the_frames_of_the_scale_are_refused(tiny):
    frames = AcquisitionModel(make_projector(tiny), scale=torch.ones(3))
    with pytest.raises(InputError, match="leading axes"):
        frames(torch.ones(tiny.image_shape))


def test_subsets_add_up_to_the_whole(model):
    """Views of the subsets are views of the whole; gradients and sensitivities add up."""
    x = torch.rand(3, *model.image_shape, dtype=F64)
    y = torch.rand(3, *model.sinogram_shape, dtype=F64)
    models, pieces = model.subset_models(4), model.split(y, 4)
    for part, piece, expected in zip(models, pieces, model.split(model(x), 4), strict=True):
        torch.testing.assert_close(part(x), expected)
        assert piece.shape[1:] == part.sinogram_shape
        assert part.projector.backend == model.projector.backend
    total = sum(part.linear.adjoint(piece) for part, piece in zip(models, pieces, strict=True))
    torch.testing.assert_close(total, model.linear.adjoint(y))
    torch.testing.assert_close(sum(part.sensitivity() for part in models), model.sensitivity())


def test_subset_projectors_are_built_once_and_serve_other_models_of_the_projector(model, parts):
    first = model.subset_projectors(4)
    other = AcquisitionModel(model.projector, **{**parts, "scale": 1.0})
    assert all(a is b for a, b in zip(first, other.subset_projectors(4), strict=True))
    assert len(model.subset_projectors(2)) == 2
    assert len(model.projector._subsets) == 1  # one division is kept, so memory does not grow


def test_subsets_of_a_volume_split_its_views(tiny_3d):
    model = AcquisitionModel(make_projector(tiny_3d, "joseph"), background=0.5)
    x = torch.rand(tiny_3d.image_shape)
    for part, expected in zip(model.subset_models(3), model.split(model(x), 3), strict=True):
        assert part.sinogram_shape == (5, 3, 7)
        torch.testing.assert_close(part(x), expected)


def test_wrong_numbers_of_subsets_and_wrong_sinograms_are_refused(model):
    with pytest.raises(InputError, match="try 4"):
        model.subset_models(5)
    with pytest.raises(InputError, match="try 4"):
        model.split(torch.zeros(model.sinogram_shape), 5)
    with pytest.raises(InputError, match="does not end in"):
        model.split(torch.zeros(8, 5), 2)


@pytest.mark.parametrize("name", ["background", "attenuation", "normalisation", "scale"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_values_that_no_exam_has_are_refused_by_name(tiny, name, value):
    with pytest.raises(InputError, match=f"{name} has negative or non-finite values"):
        AcquisitionModel(make_projector(tiny), **{name: value})


@pytest.mark.parametrize("name", ["background", "attenuation", "normalisation"])
def test_a_wrong_shape_is_refused_with_both_shapes(tiny, name):
    with pytest.raises(InputError, match=rf"{name} has shape \(8, 5\) where \(\.\.\., 5, 8\)"):
        AcquisitionModel(make_projector(tiny), **{name: torch.ones(8, 5)})


def test_attenuation_of_a_water_disc_is_that_of_its_chords():
    """exp(-0.0096 · 2 sqrt(R² - s²)) for a disc of radius 90 mm, within 1 %."""
    geometry = load_scanner("biograph-mmr").geometry("laptop")
    x = torch.linspace(-0.5, 0.5, 128 * 4 + 1)[:-1] + 0.5 / 512
    fine = (torch.hypot(x[:, None], x[None, :]) * 128 * 2.0863 < 90).float()
    disc = torch.nn.functional.avg_pool2d(fine[None], 4)[0]
    factors = attenuation_factors(make_projector(geometry), 0.0096 * disc)
    position = torch.from_numpy(geometry.radial_positions())
    inside = position.abs() < 80
    expected = torch.exp(-0.0192 * (90**2 - position[inside] ** 2).sqrt())
    assert float((factors[inside] / expected - 1).abs().max()) < 0.02
    assert float((factors[inside] / expected - 1).abs().mean()) < 0.005


@pytest.mark.parametrize(("value", "says"), [(-0.01, "negative"), (math.nan, "non-finite"), (0.096, "1/cm by 10")])
def test_a_wrong_attenuation_map_is_refused_with_the_cure(tiny, value, says):
    with pytest.raises(InputError, match=says):
        attenuation_factors(make_projector(tiny), torch.full(tiny.image_shape, value))


def test_a_model_in_double_precision_is_the_same_model(tiny):
    scale, background = torch.tensor([2.0, 3.0]), torch.rand(2, *tiny.sinogram_shape)
    model = AcquisitionModel(
        make_projector(tiny), attenuation=torch.rand(tiny.sinogram_shape), scale=scale, background=background
    )
    double = model.to(torch.float64)
    x = torch.rand(2, *tiny.image_shape)
    assert double(x.double()).dtype == torch.float64
    assert torch.allclose(double(x.double()).float(), model(x), rtol=1e-5)
    assert model.to(torch.float32) is model


def test_attenuation_factors_above_one_are_correction_factors(tiny):
    """Of photons, at most all come through; rounding just above 1 is forgiven."""
    operator = make_projector(tiny, "joseph")
    ones = torch.ones(tiny.sinogram_shape)
    with pytest.raises(InputError, match=r"attenuation reaches 2, .*take 1 / value"):
        AcquisitionModel(operator, attenuation=2 * ones)
    with pytest.raises(InputError, match="attenuation has negative"):
        AcquisitionModel(operator, attenuation=-ones)
    assert AcquisitionModel(operator, attenuation=ones * (1 + 1e-6), normalisation=2 * ones).factors.max() > 1


def test_complex_values_are_refused_by_name(tiny):
    operator, ones = make_projector(tiny, "joseph"), torch.ones(tiny.sinogram_shape)
    with pytest.raises(InputError, match="background is complex"):
        AcquisitionModel(operator, background=ones * 1j)
    with pytest.raises(InputError, match="attenuation map .* real"):
        attenuation_factors(operator, torch.zeros(tiny.image_shape) * 1j)


@pytest.mark.parametrize("n", [2.0, True, "2"])
def test_a_number_of_subsets_that_is_no_whole_number_is_refused(tiny, n):
    with pytest.raises(InputError, match="give a whole number"):
        AcquisitionModel(make_projector(tiny, "joseph")).subset_models(n)


def test_a_resolution_for_other_voxels_is_refused(tiny):
    """Of the same shape it used to be taken, and to blur by a wrong width."""
    with pytest.raises(InputError, match="resolution is for voxels of"):
        AcquisitionModel(
            make_projector(tiny, "joseph"), resolution=GaussianResolution(tiny.image_shape, (7.0, 8.1), 9.0)
        )
