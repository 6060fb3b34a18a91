"""`fit` on real networks: a recipe's parameters change, the base and its statistics do not."""

import pytest
import torch
from torch import nn

from petrecon.models import CVTGANSpec, UNETRSpec, build, build_discriminator
from petrecon.peft import Recipe, apply_recipe, count, fingerprint, petite_recipe, remove
from petrecon.petite.fit_network import fit
from petrecon.petite.settings import table4

PATCH = (32, 32, 16)
SPECS = {
    "unetr": UNETRSpec(patch=PATCH, hidden=16, mlp=32, heads=2, feature=2),
    "cvt-gan": CVTGANSpec(patch=PATCH, channels=4, discriminator_channels=2),
}


@pytest.mark.parametrize("architecture", list(SPECS))
def test_fine_tuning_leaves_the_base_as_it_was(drawn, architecture):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    network = build(SPECS[architecture])
    discriminator = None
    if architecture == "cvt-gan":
        discriminator = apply_recipe(build_discriminator(SPECS[architecture]), Recipe())
        judged = {k: v.clone() for k, v in discriminator.state_dict().items()}
    base = fingerprint(network)
    x = drawn.short[:1, None, :32, :32, :16] / 30
    with torch.no_grad():
        before = network.eval()(x)
    apply_recipe(network, petite_recipe(architecture))
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    statistics = [m.running_mean.clone() for m in norms]
    settings = table4(architecture, "petite", steps=2, volumes=2, crops=1, patch=PATCH)
    result = fit(network, drawn, settings, discriminator=discriminator)
    assert result.trained == count(network).trainable
    assert all(torch.equal(m.running_mean, s) for m, s in zip(norms, statistics, strict=True))
    with torch.no_grad():
        assert not torch.allclose(network.eval()(x), before, atol=1e-6)
        remove(network)
        torch.testing.assert_close(network.eval()(x), before)
    assert fingerprint(network) == base
    if discriminator is not None:
        assert all(torch.equal(v, judged[k]) for k, v in discriminator.state_dict().items())
    torch.set_num_threads(threads)
