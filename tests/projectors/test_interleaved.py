"""Subsets that share their matrices with the whole scanner: forward, adjoint and ordered subsets."""

import pytest
import torch

from petrecon.errors import InputError
from petrecon.projectors import AcquisitionModel, GaussianResolution, InterleavedProjector, load_scanner, make_projector
from petrecon.reconstruct import osem

GEOMETRY = load_scanner("biograph-mmr").geometry(
    "quick", 3, image_shape=(20, 24, 9), voxel_size=(11.5, 11.5, 20.0), crystals_per_module=1, radial_bins=13, rings=4,
    max_ring_difference=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def whole():
    return make_projector(GEOMETRY)


@pytest.fixture(scope="module")
def shared():
    return InterleavedProjector(GEOMETRY, 7)


def test_interleaved_views_are_the_projector(shared, whole):
    x = torch.rand(2, *GEOMETRY.image_shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(shared(x), whole(x))
    y = torch.rand(2, *GEOMETRY.sinogram_shape, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(shared.adjoint(y), whole.adjoint(y))


def test_shared_subsets_reconstruct_as_rebuilt_ones(shared, whole):
    generator = torch.Generator().manual_seed(2)
    options = {
        "attenuation": torch.rand(whole.out_shape, generator=generator),
        "scale": torch.tensor([0.5, 2.0]),
        "background": torch.rand(whole.out_shape, generator=generator),
        "resolution": GaussianResolution(GEOMETRY.image_shape, GEOMETRY.voxel_size, 12.0),
    }
    counts = torch.poisson(torch.full((2, *whole.out_shape), 20.0), generator=generator)
    one, other = (AcquisitionModel(projector, **options) for projector in (shared, whole))
    for subsets in (7, 4):
        torch.testing.assert_close(osem(counts, one, 1, subsets), osem(counts, other, 1, subsets))


def test_a_model_has_all_that_its_subsets_have(shared):
    """Sensitivities and expected counts of the subsets make up the whole, with a normalisation that varies."""
    generator = torch.Generator().manual_seed(4)
    attenuation, normalisation, background = (torch.rand(shared.out_shape, generator=generator) for _ in range(3))
    model = AcquisitionModel(
        shared, attenuation=attenuation, normalisation=normalisation + 0.1, background=background, scale=1.5
    )
    x = torch.rand(model.image_shape, generator=generator)
    for subsets in (7, 2):
        models = model.subset_models(subsets)
        torch.testing.assert_close(sum(m.sensitivity() for m in models), model.sensitivity())
        for part, expected in zip(models, model.split(model(x), subsets), strict=True):
            torch.testing.assert_close(part(x), expected)
    assert [m.projector for m in model.subset_models(7)] == shared.parts


def test_a_number_of_subsets_that_does_not_divide_the_views_is_refused():
    with pytest.raises(InputError, match="cannot be split into 5"):
        InterleavedProjector(GEOMETRY, 5)
