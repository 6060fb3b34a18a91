"""The losses, against their formulas."""

import math

import pytest
import torch
from torch import nn

from petrecon.petite.objectives import L1_WEIGHT, discriminator_loss, generator_loss, squared_error


class Shift(nn.Module):
    def __init__(self, by):
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by))

    def forward(self, x):
        return x + self.by


class Mean(nn.Module):
    """Logit = slope · mean of the second channel, the scan that is judged."""

    def __init__(self):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(2.0))

    def forward(self, pair):
        return self.slope * pair[:, 1:].mean((2, 3, 4), keepdim=True)


X = torch.full((2, 1, 4, 4, 4), 0.5)
Y = torch.full((2, 1, 4, 4, 4), 0.9)


def test_squared_error_is_the_mean_over_voxels():
    loss, predicted = squared_error(Shift(0.1), X, Y)
    assert float(loss.detach()) == pytest.approx(0.09)
    torch.testing.assert_close(predicted, X + 0.1)
    assert not predicted.requires_grad


def test_the_generator_wants_to_pass_for_real_and_to_be_near():
    """BCE(D, 1) = log(1 + exp(-2 · 0.6)), plus 100 · |0.6 − 0.9|; the gradient pushes the prediction upwards."""
    network, discriminator = Shift(0.1), Mean()
    loss, predicted = generator_loss(network, discriminator, X, Y)
    assert float(loss.detach()) == pytest.approx(math.log1p(math.exp(-1.2)) + L1_WEIGHT * 0.3, rel=1e-5)
    loss.backward()
    sigmoid = 1 / (1 + math.exp(1.2))
    assert float(network.by.grad) == pytest.approx(-100 - 2 * sigmoid, rel=1e-4)
    assert not predicted.requires_grad


def test_the_discriminator_wants_ones_for_real_and_zeros_for_predicted():
    discriminator = Mean()
    loss = discriminator_loss(discriminator, X, Y, torch.full_like(X, 0.2))
    expected = 0.5 * (math.log1p(math.exp(-1.8)) + math.log1p(math.exp(0.4)))
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
