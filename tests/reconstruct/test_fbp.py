import inspect

import pytest
import torch

from petrecon.errors import InputError
from petrecon.projectors import AcquisitionModel, load_scanner, make_projector
from petrecon.reconstruct import fbp


@pytest.fixture(scope="module")
def acquisition():
    geometry = load_scanner("biograph-truepoint").geometry("quick", dims=2, image_shape=(64, 64), voxel_size=(4.0, 4.0))
    x = torch.arange(64, dtype=torch.float64) - 31.5
    u, v = torch.meshgrid(4 * x, 4 * x, indexing="ij")
    disc = 5.0 * ((u - 20) ** 2 + (v + 10) ** 2 < 60**2).double()
    return geometry, AcquisitionModel(make_projector(geometry, dtype=torch.float64), scale=2.0), disc, (u, v)


def test_a_disc_comes_back_at_its_activity(acquisition):
    """Mean over the inner disc within 1 %, in kBq/mL: scale, angles, spacing and ramp are all in it."""
    _, model, disc, (u, v) = acquisition
    image = fbp(model(disc), model)
    inner = (u - 20) ** 2 + (v + 10) ** 2 < 45**2
    assert image[inner].mean().item() == pytest.approx(5.0, rel=0.01)
    outside = ((u - 20) ** 2 + (v + 10) ** 2 > 75**2) & (u**2 + v**2 < 110**2)
    assert abs(image[outside].mean().item()) < 0.05


def test_background_is_taken_off_first(acquisition):
    geometry, model, disc, _ = acquisition
    with_b = AcquisitionModel(model.projector, scale=2.0, background=torch.full(geometry.sinogram_shape, 7.0).double())
    assert torch.allclose(fbp(with_b(disc), with_b), fbp(model(disc), model), atol=1e-9)


def test_three_dimensions_and_bad_cutoff_are_refused(acquisition):
    _, model, disc, _ = acquisition
    with pytest.raises(InputError, match="cutoff"):
        fbp(model(disc), model, cutoff=0.0)
    volume = load_scanner("biograph-truepoint").geometry("quick", dims=3)
    with pytest.raises(InputError, match="one ring"):
        fbp(torch.zeros(volume.sinogram_shape), AcquisitionModel(make_projector(volume, "joseph")))


def test_the_geometry_is_that_of_the_model(acquisition):
    """A second geometry used to be believed: with voxels of half the size the image came out 4 times as bright."""
    assert "geometry" not in inspect.signature(fbp).parameters


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda y: y[:, :-1], "shape .* but the geometry's sinogram is"),
        (lambda y: y[0], "shape .* but the geometry's sinogram is"),
        (lambda y: y.numpy(), "give a torch tensor"),
        (lambda y: y.to(torch.complex64), "complex"),
        (lambda y: y > 0, "true and false"),
        (lambda y: y.long(), "whole numbers of type"),
        (lambda y: y * torch.nan, "not finite"),
    ],
)
def test_a_sinogram_that_cannot_be_one_is_refused_in_one_line(acquisition, spoil, says):
    _, model, disc, _ = acquisition
    with pytest.raises(InputError, match=says) as error:
        fbp(spoil(model(disc)), model)
    assert "\n" not in str(error.value)
