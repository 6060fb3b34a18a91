"""A small acquisition with background, and counts drawn from it."""

import pytest
import torch

from petrecon.projectors import AcquisitionModel, GaussianResolution, load_scanner, make_projector


@pytest.fixture(scope="session")
def geometry():
    return load_scanner("biograph-truepoint").geometry("quick", dims=2, image_shape=(32, 32), voxel_size=(6.0, 6.0))


@pytest.fixture(scope="session")
def image(geometry):
    """An asymmetric object with a zero border: two discs of different activity, kBq/mL."""
    x = torch.arange(32, dtype=torch.float64) - 15.5
    u, v = torch.meshgrid(x, x, indexing="ij")
    body = 4.0 * ((u / 12) ** 2 + (v / 9) ** 2 < 1)
    return body.double() + 10.0 * ((u - 5) ** 2 + (v + 2) ** 2 < 6) - 4.0 * ((u + 5) ** 2 + v**2 < 8)


def build(geometry, image, background=True, backend="matrix", counts=2e5):
    op = make_projector(geometry, backend=backend, dtype=torch.float64)
    blur = GaussianResolution(geometry.image_shape, geometry.voxel_size, 5.0)
    scale = counts / float(op(blur(image)).sum())
    b = torch.full(geometry.sinogram_shape, 0.3 * counts / op(image).numel(), dtype=torch.float64)
    return AcquisitionModel(op, resolution=blur, scale=scale, background=b if background else None)


@pytest.fixture(scope="session")
def model(geometry, image):
    return build(geometry, image)


@pytest.fixture(scope="session")
def clean_model(geometry, image):
    return build(geometry, image, background=False)


@pytest.fixture(scope="session")
def counts(model, image):
    return torch.poisson(model(image), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="session")
def clean_counts(clean_model, image):
    return torch.poisson(clean_model(image), generator=torch.Generator().manual_seed(2))
