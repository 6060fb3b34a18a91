"""A model with all its parts stays that model in another precision, and is the sum of its subsets."""

from __future__ import annotations

import pytest
import torch

from petrecon.projectors import AcquisitionModel, GaussianResolution, make_projector


@pytest.fixture(scope="module", params=[False, True], ids=["one frame", "two frames"])
def whole(request):
    from petrecon.projectors import Geometry
    from petrecon.projectors.lines import detector_positions, ring_lines

    start, end = ring_lines(detector_positions(8, 2, 20.0, 30.0), 5)
    geometry = Geometry(start, end, (4, 3), (7.0, 8.0))
    draw = torch.Generator().manual_seed(0)
    rand = lambda *lead: 0.2 + torch.rand(*lead, *geometry.sinogram_shape, generator=draw, dtype=torch.float64)  # noqa: E731
    lead = (2,) if request.param else ()
    return AcquisitionModel(
        make_projector(geometry, "matrix", torch.float64),
        attenuation=rand() / 1.2,
        normalisation=rand(),
        resolution=GaussianResolution(geometry.image_shape, geometry.voxel_size, 9.0),
        scale=torch.tensor([3.0, 0.7], dtype=torch.float64) if lead else 3.0,
        background=rand(*lead),
    )


@pytest.fixture
def image(whole):
    lead = whole.factors.shape[: -len(whole.sinogram_shape)]
    return torch.rand(*lead, *whole.image_shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_single_precision_predicts_what_double_does(whole, image):
    single = whole.to(torch.float32)
    torch.testing.assert_close(single(image.float()).double(), whole(image), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(single.sensitivity().double(), whole.sensitivity(), rtol=1e-5, atol=1e-5)
    assert single.projector.dtype == torch.float32
    assert whole.to(torch.float64) is whole


def test_subsets_predict_the_views_of_the_whole_and_their_sensitivities_add_up(whole, image):
    models = whole.subset_models(4)
    for part, views in zip(models, whole.split(whole(image), 4), strict=True):
        torch.testing.assert_close(part(image), views, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(sum(m.sensitivity() for m in models), whole.sensitivity(), rtol=1e-12, atol=1e-12)


def test_every_part_of_the_model_changes_the_counts(whole, image):
    """Left out, each of attenuation, normalisation, resolution, scale and background is missed."""
    parts = {
        "attenuation": whole.attenuation,
        "normalisation": whole.normalisation,
        "resolution": whole.resolution,
        "scale": whole.scale,
        "background": whole.background,
    }
    for name in parts:
        less = AcquisitionModel(whole.projector, **{k: v for k, v in parts.items() if k != name})
        assert not torch.allclose(less(image), whole(image), rtol=1e-3)
