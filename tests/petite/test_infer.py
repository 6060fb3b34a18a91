"""Windows blend to the whole volume, whatever its size."""

import pytest
import torch
from torch import nn

from petrecon.errors import InputError
from petrecon.petite.infer import predict


class Doubled(nn.Module):
    """Twice its input, but for a window's own border, where it is wrong; only in evaluation mode."""

    def __init__(self, wrong=0.0):
        super().__init__()
        self.gain, self.wrong = nn.Parameter(torch.tensor(2.0)), wrong

    def forward(self, x):
        assert not self.training
        out = self.gain * x
        out[..., 0, :, :] += self.wrong
        return out


@pytest.fixture(scope="module")
def volumes():
    return torch.rand(2, 40, 36, 21, generator=torch.Generator().manual_seed(0))


def test_a_pointwise_network_is_reproduced_on_every_voxel(volumes):
    network = Doubled().train()
    out = predict(network, volumes, (32, 32, 16))
    torch.testing.assert_close(out, 2 * volumes)
    assert network.training
    assert not out.requires_grad


def test_short_axes_are_padded_only_when_asked(volumes):
    torch.testing.assert_close(predict(Doubled(), volumes, (48, 32, 32), pad=True), 2 * volumes)
    with pytest.raises(InputError, match="40 voxels along x, fewer than the patch of 48x32x32"):
        predict(Doubled(), volumes, (48, 32, 32))


def test_gaussian_weights_hide_errors_at_the_border_of_windows(volumes):
    """A window that starts inside the volume (x = 8) is outvoted there by the window that has the voxel inside."""
    out = predict(Doubled(wrong=1.0), volumes, (32, 32, 16)) - 2 * volumes
    assert float(out[:, 0].mean()) == pytest.approx(1.0, abs=1e-4)  # only one window sees it
    assert 0 < float(out[:, 8, 14:22, 8:13].max()) < 0.15


def test_the_mode_is_restored_when_the_network_fails(volumes):
    network = Doubled(wrong="one").train()
    with pytest.raises(TypeError):
        predict(network, volumes, (32, 32, 16))
    assert network.training
