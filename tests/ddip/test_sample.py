"""Samples of the prior, and what each way to adapt it trains."""

import torch

from petrecon.ddip import count_configurations, noise_levels, sample


def test_samples_follow_the_mr_and_the_seed(network, schedule):
    mr = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    first = sample(network, schedule, mr, steps=4, seed=1)
    assert first.shape == mr.shape
    assert torch.equal(first, sample(network, schedule, mr, steps=4, seed=1))
    assert not torch.equal(first, sample(network, schedule, mr, steps=4, seed=2))
    assert not torch.equal(first, sample(network, schedule, 0 * mr, steps=4, seed=1))
    assert 0 <= first.min() <= first.max() <= 1
    assert noise_levels(1000, 4)[0] == 999


def test_configurations_count_what_they_train(network):
    counts = count_configurations(network, [1, 2], ["time", "all"])
    every = counts.iloc[-1]
    assert every["parameters"] == sum(p.numel() for p in network.parameters())
    assert every["share (%)"] == 100
    by = counts.set_index(["adapted", "rank"])["parameters"]
    assert by["all", 2] > by["all", 1] > by["time", 1]
    low_rank = by["all", 2] - by["all", 1]
    assert by["all", 1] - low_rank == by["time", 1] - (by["time", 2] - by["time", 1])  # the biases, the same in both
