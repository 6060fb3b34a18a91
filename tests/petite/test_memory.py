"""Bytes of a step, counted by hand."""

import torch
from torch import nn

from petrecon.petite.memory import saved_activations, state_bytes, tensor_bytes


def test_a_layer_keeps_its_input_and_not_its_own_weights():
    """Two linear layers keep both inputs: 10 · 20 and 10 · 30 floats. With the first one frozen, only the second's."""
    network = nn.Sequential(nn.Linear(20, 30), nn.Linear(30, 5))
    x = torch.rand(10, 20)
    with saved_activations([network, None]) as kept:
        network(x)
    assert kept.bytes == 4 * (200 + 300)
    network[0].requires_grad_(False)
    with saved_activations([network]) as kept:
        network(x)
    assert kept.bytes == 4 * 300


def test_views_of_one_storage_count_once():
    x = torch.rand(100, requires_grad=True)
    with saved_activations([]) as kept:
        (x * x).sum() + (x[:50] * x[50:]).sum()
    assert kept.bytes == 400


def test_an_optimiser_keeps_two_moments():
    parameter = nn.Parameter(torch.rand(50))
    adam = torch.optim.Adam([parameter])
    parameter.sum().backward()
    assert state_bytes([adam]) == 0
    adam.step()
    assert 400 <= state_bytes([adam]) <= 404  # and a step counter
    assert tensor_bytes([parameter, parameter.grad]) == 400
