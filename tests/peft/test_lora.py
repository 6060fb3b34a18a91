"""LoRA: the identity at first, only the intended numbers move, a reset is exact."""

import copy

import pytest
import torch
from torch.func import functional_call

from petrecon.errors import ParameterError
from petrecon.models import ScoreNetwork, ScoreSpec
from petrecon.peft import TARGETS, add_lora, count_trainable, merged_weights, reset_lora, trainable_parameters


@pytest.fixture(scope="module")
def plain():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = ScoreNetwork(ScoreSpec(channels=(8, 16), attention=(False, True), groups=4))
        for parameter in network.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.05)
    return network.eval()


@pytest.fixture(scope="module")
def batch():
    draw = torch.Generator().manual_seed(1)
    x, mr = torch.randn(2, 1, 16, 16, generator=draw), torch.rand(2, 1, 16, 16, generator=draw)
    return x, torch.tensor([10, 700]), mr


def _train(network, batch, steps=3):
    optimiser = torch.optim.AdamW(trainable_parameters(network), lr=1e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        network(*batch).square().mean().backward()
        optimiser.step()


def test_it_computes_exactly_the_same_at_the_start(plain, batch):
    adapted = copy.deepcopy(plain)
    add_lora(adapted, 4)
    with torch.no_grad():
        assert torch.equal(adapted(*batch), plain(*batch))


@pytest.mark.parametrize("targets", sorted(TARGETS))
def test_only_the_intended_numbers_move(plain, batch, targets):
    adapted = copy.deepcopy(plain)
    start = add_lora(adapted, 2, targets)
    before = {k: v.clone() for k, v in adapted.named_parameters()}
    _train(adapted, batch)
    moved = {k for k, v in adapted.named_parameters() if not torch.equal(v, before[k])}
    # the bias of a key shifts all logits of a query alike, so it cannot change what attention computes
    assert moved | {k for k in start if "to_k" in k and k.endswith("bias")} == set(start)
    ends = {"attention": "out_proj", "time": "time_emb_proj", "convolution": "conv1.conv"}
    for kind, end in ends.items():
        assert any(f"{end}.lora_A" in k for k in moved) == (kind in TARGETS[targets])
    assert not any(k.endswith(("base_layer.weight", "norm1.weight")) for k in moved)
    assert any(k.endswith("norm1.bias") for k in moved)
    assert not any("time_emb_proj" in k and k.endswith("bias") for k in moved)


def test_without_biases_only_low_rank_factors_are_trained(plain):
    adapted = copy.deepcopy(plain)
    start = add_lora(adapted, 2, biases=False)
    assert all("lora_" in k for k in start)
    assert count_trainable(adapted) == sum(v.numel() for v in start.values())


def test_reset_restores_bit_for_bit_and_the_seed_decides_the_draw(plain, batch):
    adapted, again, other = (copy.deepcopy(plain) for _ in range(3))
    start = add_lora(adapted, 4, seed=5)
    state = {k: v.clone() for k, v in adapted.state_dict().items()}
    _train(adapted, batch)
    assert not torch.equal(adapted(*batch), plain(*batch))
    reset_lora(adapted, start)
    assert all(torch.equal(v, state[k]) for k, v in adapted.state_dict().items())
    same, different = add_lora(again, 4, seed=5), add_lora(other, 4, seed=6)
    assert all(torch.equal(v, start[k]) for k, v in same.items())
    assert any(not torch.equal(v, start[k]) for k, v in different.items())


def test_a_is_gaussian_with_standard_deviation_one_over_the_rank(plain):
    adapted = copy.deepcopy(plain)
    factors = [v.flatten() for k, v in add_lora(adapted, 4, seed=1).items() if "lora_A" in k]
    assert torch.cat(factors).std() == pytest.approx(1 / 4, rel=0.05)


def test_the_global_random_state_is_left_alone(plain):
    before = torch.get_rng_state()
    add_lora(copy.deepcopy(plain), 2)
    assert torch.equal(torch.get_rng_state(), before)


def test_merged_weights_compute_what_the_low_rank_layers_do(plain, batch):
    """Outputs and gradients of W + BA in one layer and in three."""
    adapted = copy.deepcopy(plain)
    start = add_lora(adapted, 3)
    _train(adapted, batch)
    tensors = {k: v.detach().requires_grad_() for k, v in adapted.named_parameters() if k in start}
    merged = functional_call(plain, merged_weights(plain, tensors), batch)
    expected = adapted(*batch)
    assert torch.allclose(merged, expected, rtol=1e-4, atol=1e-5)
    ours = torch.autograd.grad(merged.square().mean(), list(tensors.values()))
    theirs = torch.autograd.grad(expected.square().mean(), [dict(adapted.named_parameters())[k] for k in tensors])
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-6)


def test_bad_ranks_and_targets_are_refused_by_name(plain):
    for rank in (0, -1, 1.5, True):
        with pytest.raises(ParameterError, match="rank"):
            add_lora(copy.deepcopy(plain), rank)
    untouched = copy.deepcopy(plain)
    with pytest.raises(ParameterError, match=r"rank 9 is above 8.*conv"):
        add_lora(untouched, 9)
    assert untouched.state_dict().keys() == plain.state_dict().keys()
    with pytest.raises(ParameterError, match="Did you mean 'attention'"):
        add_lora(copy.deepcopy(plain), 2, "atention")
    with pytest.raises(ParameterError, match="no layer"):
        add_lora(torch.nn.Linear(3, 3), 1)
