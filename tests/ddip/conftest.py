"""A small exam (24 x 24 pixels of 8 mm, background, attenuation, resolution) and a small score network."""

import pytest
import torch

from petrecon.models import NoiseSchedule, ScoreNetwork, ScoreSpec
from petrecon.projectors import AcquisitionModel, GaussianResolution, attenuation_factors, load_scanner, make_projector

PIXELS = 24


def phantom():
    """Return (x, y) kBq/mL: a body with a hot insert and an empty border."""
    x = torch.arange(PIXELS, dtype=torch.float64) - (PIXELS - 1) / 2
    u, v = torch.meshgrid(x, x, indexing="ij")
    body = 4.0 * ((u / 9) ** 2 + (v / 8) ** 2 < 1)
    return (body + 6.0 * ((u - 3) ** 2 + (v + 1) ** 2 < 6)).double()


def build_model(dtype=torch.float32, counts=2e5, background=0.4):
    scanner = load_scanner("biograph-truepoint")
    geometry = scanner.geometry(
        "quick", dims=2, image_shape=(PIXELS, PIXELS), voxel_size=(8.0, 8.0), crystals_per_module=2, radial_bins=25
    )
    project = make_projector(geometry, backend="matrix", dtype=dtype)
    truth = phantom().to(dtype)
    blur = GaussianResolution(geometry.image_shape, geometry.voxel_size, 9.0)
    attenuation = attenuation_factors(project, 0.0096 * (truth > 0))
    ideal = attenuation * project(blur(truth))
    scale = counts / float(ideal.sum())
    return AcquisitionModel(
        project,
        attenuation=attenuation,
        resolution=blur,
        scale=scale,
        background=background * float(ideal.mean()) * scale,
    )


def small_network(slices=1, seed=0):
    """A score network whose last layers are not zero, as those of an untrained one are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ScoreNetwork(ScoreSpec(slices=slices, channels=(8, 16), attention=(False, False), groups=4))
        for parameter in network.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.05)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def truth():
    return phantom().float()


@pytest.fixture(scope="session")
def model():
    built = build_model()
    torch.set_num_threads(1)  # after the matrix is assembled: numba's parallel loops set the number again
    return built


@pytest.fixture(scope="session")
def counts(model, truth):
    """Two noise realisations."""
    mean = model(truth).expand(2, -1, -1).contiguous()
    return torch.poisson(mean, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="session")
def mr(truth):
    return (truth > 0).float() * 0.5 + 0.3 * (truth > 5)


@pytest.fixture(scope="session")
def schedule():
    return NoiseSchedule()


@pytest.fixture(scope="session")
def network():
    return small_network()
