"""Two small networks with lived-in statistics."""

import copy

import pytest
import torch

from petrecon.models import CVTGANSpec, UNETRSpec, build

# the deepest level of CVT-GAN keeps two keys, so that its attention has something to choose
SPECS = {
    "unetr": UNETRSpec(patch=(32, 32, 16), hidden=24, mlp=32, heads=2, feature=4),
    "cvt-gan": CVTGANSpec(patch=(64, 16, 16), channels=8, dropout=0.0),
}


def lived_in(spec, seed=0):
    network = build(spec, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith(("bias", "running_mean")) or "norm" in name:
                tensor.add_(0.2 * torch.randn(tensor.shape, generator=generator))
            elif name.endswith("running_var"):
                tensor.mul_(1 + torch.rand(tensor.shape, generator=generator))
    return network.eval()


_BASES = {}


@pytest.fixture
def fresh():
    """Return a function: architecture → a network of its own."""

    def make(architecture):
        if architecture not in _BASES:
            _BASES[architecture] = lived_in(SPECS[architecture])
        return copy.deepcopy(_BASES[architecture])

    return make


@pytest.fixture(scope="session")
def volume():
    # two volumes: what a batch norm follows needs more than one value per channel
    generator = torch.Generator().manual_seed(5)
    return {name: torch.rand(2, 1, *spec.patch, generator=generator) for name, spec in SPECS.items()}
