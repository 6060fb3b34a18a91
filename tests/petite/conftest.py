import pytest
import torch

from petrecon.petite import pairs as pairs_module
from petrecon.petite.instrument import assemble
from petrecon.petite.pairs import ScanPairs, load_pairs
from petrecon.petite.population import population
from petrecon.petite.protocols import reconstruction_of
from petrecon.projectors import load_scanner

GEOMETRY = {
    "image_shape": (20, 24, 17),
    "voxel_size": (11.5, 11.5, 13.0),
    "crystals_per_module": 1,
    "radial_bins": 13,
    "rings": 6,
    "max_ring_difference": 1,
}


@pytest.fixture(scope="session")
def machine():
    """A Biograph mMR with few, wide crystals."""
    card = load_scanner("biograph-mmr")
    protocol = reconstruction_of(card.name).model_copy(update={"epochs": 1})
    threads = torch.get_num_threads()
    made = assemble(card, protocol, "quick", **GEOMETRY)
    torch.set_num_threads(threads)
    return made


@pytest.fixture
def small_cache(machine, tmp_path, monkeypatch):
    """An empty cache, and the small scanner in place of the real ones."""
    monkeypatch.setenv("PETRECON_CACHE", str(tmp_path))
    monkeypatch.setattr(pairs_module, "instrument", lambda scanner, coarsening: machine)
    return tmp_path


@pytest.fixture(scope="session")
def pairs(machine, tmp_path_factory):
    """Four exams."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PETRECON_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(pairs_module, "instrument", lambda scanner, coarsening: machine)
        yield load_pairs(population("biograph-mmr", "train", 4), 0.05)


@pytest.fixture
def drawn():
    """Three made-up exams on a grid of 40 x 36 x 20 voxels: an ellipsoid, and noise."""
    x, y, z = torch.meshgrid(*(torch.linspace(-1, 1, n) for n in (40, 36, 20)), indexing="ij")
    brain = (x**2 + y**2 + z**2 < 0.6).expand(3, -1, -1, -1)
    generator = torch.Generator().manual_seed(1)
    truth = brain * (2 + torch.sin(6 * x) * torch.cos(5 * y)) * 5
    noise = [torch.randn(truth.shape, generator=generator) for _ in range(2)]
    short, long = truth + noise[0], truth + (noise[0] / 6 + noise[1] / 3)
    members = tuple(population("gemini", "train", 3))
    return ScanPairs(
        short.clamp_min(0), long.clamp_min(0.3), truth, truth, brain.clone(), members, (4.0, 4.0, 8.0), 1.0
    )
