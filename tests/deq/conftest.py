"""A small dynamic problem in float64: 20 x 20 pixels of 8 mm, 4 frames, background, attenuation and resolution."""

import pytest
import torch

from petrecon.deq import dynamic_problem, hyperparameters
from petrecon.projectors import (
    AcquisitionModel,
    GaussianResolution,
    attenuation_factors,
    load_scanner,
    make_projector,
)

FRAMES, PIXELS = 4, 20


def build_model(dtype=torch.float64, backend="matrix", counts=2e5):
    scanner = load_scanner("biograph-truepoint")
    geometry = scanner.geometry(
        "quick",
        dims=2,
        image_shape=(PIXELS, PIXELS),
        voxel_size=(8.0, 8.0),
        crystals_per_module=2,
        radial_bins=21,
    )
    project = make_projector(geometry, backend=backend, dtype=dtype)
    blur = GaussianResolution(geometry.image_shape, geometry.voxel_size, 9.0)
    reference = phantom().to(dtype)
    factors = attenuation_factors(project, 0.0096 * (reference[0] > 0))
    ideal = factors * project(blur(reference))
    share = torch.tensor([0.05, 0.2, 0.35, 0.4], dtype=torch.float64)
    scale = share * counts / ideal.sum((1, 2)).double()
    background = (ideal * scale[:, None, None]).mean((1, 2), keepdim=True).expand_as(ideal) * 0.6
    model = AcquisitionModel(project, attenuation=factors, resolution=blur, scale=scale, background=background)
    return model, reference


def phantom():
    """Return (T, x, y) kBq/mL: a body that washes out and a hot insert that fills, with an empty border."""
    x = torch.arange(PIXELS, dtype=torch.float64) - (PIXELS - 1) / 2
    u, v = torch.meshgrid(x, x, indexing="ij")
    body = ((u / 8) ** 2 + (v / 7) ** 2 < 1).double()
    insert = ((u - 3) ** 2 + (v + 1) ** 2 < 6).double()
    hole = ((u + 3) ** 2 + v**2 < 4).double()
    washout = torch.tensor([2.0, 8.0, 6.0, 4.0], dtype=torch.float64)[:, None, None]
    filling = torch.tensor([1.0, 10.0, 18.0, 20.0], dtype=torch.float64)[:, None, None]
    return body * washout * (1 - hole) * (1 - insert) + insert * filling


@pytest.fixture(scope="session")
def problem():
    model, reference = build_model()
    generator = torch.Generator().manual_seed(3)
    counts = torch.poisson(model(reference).expand(3, -1, -1, -1).contiguous(), generator=generator)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # after the matrix is assembled: numba's parallel loops set the number again
    yield dynamic_problem(counts, model, reference)
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def theta():
    return hyperparameters(0.05, [0.25, 0.3, 0.5, 0.7], 0.3)
