"""LoRA of a score network: the identity at first, the numbers and the values of the `peft` library's layers."""

import pytest
import torch
from torch.func import functional_call

from petrecon.errors import ParameterError
from petrecon.models import ScoreNetwork, ScoreSpec
from petrecon.peft import TARGETS, low_rank_factors, merged_weights, trainable_parameters
from tests.low_rank import injected


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


def test_it_computes_exactly_the_same_at_the_start_and_changes_nothing(plain, batch):
    before = {k: v.clone() for k, v in plain.state_dict().items()}
    with torch.no_grad():
        merged = functional_call(plain, merged_weights(plain, low_rank_factors(plain, 4)), batch)
        assert torch.equal(merged, plain(*batch))
    assert all(torch.equal(v, before[k]) for k, v in plain.state_dict().items())


@pytest.mark.parametrize("targets", sorted(TARGETS))
def test_the_numbers_and_their_order_are_those_of_the_library(plain, targets):
    adapted, ours = injected(plain, 2, targets, seed=5)
    start = low_rank_factors(plain, 2, targets, seed=5)
    theirs = {ours[k]: v for k, v in adapted.named_parameters() if k in ours}
    assert list(start) == list(theirs)
    assert all(torch.equal(start[k], v) for k, v in theirs.items())
    ends = {"attention": "out_proj", "time": "time_emb_proj", "convolution": "conv1.conv"}
    for kind, end in ends.items():
        assert any(k.endswith(f"{end}.lora_A") for k in start) == (kind in TARGETS[targets])
    assert any(k.endswith("norm1.bias") for k in start)
    assert not any(k.endswith(("weight", "time_emb_proj.bias")) for k in start)


def test_without_biases_only_low_rank_factors_are_trained(plain):
    assert all(k.endswith((".lora_A", ".lora_B")) for k in low_rank_factors(plain, 2, biases=False))


def test_the_seed_decides_the_draw_of_a_whose_standard_deviation_is_one_over_the_rank(plain):
    one, same, other = (low_rank_factors(plain, 4, seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(v, one[k]) for k, v in same.items())
    assert any(not torch.equal(v, one[k]) for k, v in other.items())
    factors = [v.flatten() for k, v in one.items() if k.endswith("lora_A")]
    assert torch.cat(factors).std() == pytest.approx(1 / 4, rel=0.05)


def test_the_global_random_state_is_left_alone(plain):
    before = torch.get_rng_state()
    low_rank_factors(plain, 2)
    assert torch.equal(torch.get_rng_state(), before)


def test_merged_weights_compute_what_the_low_rank_layers_do(plain, batch):
    """Outputs and gradients of W + BA in one layer and in three, after a few steps of training the three."""
    adapted, ours = injected(plain, 3)
    optimiser = torch.optim.AdamW(trainable_parameters(adapted), lr=1e-2)
    for _ in range(3):
        optimiser.zero_grad()
        adapted(*batch).square().mean().backward()
        optimiser.step()
    theirs = {k: v for k, v in adapted.named_parameters() if k in ours}
    tensors = {ours[k]: v.detach().clone().requires_grad_() for k, v in theirs.items()}
    merged, expected = functional_call(plain, merged_weights(plain, tensors), batch), adapted(*batch)
    assert torch.allclose(merged, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(merged, plain(*batch), rtol=1e-2)
    one = torch.autograd.grad(merged.square().mean(), list(tensors.values()))
    three = torch.autograd.grad(expected.square().mean(), list(theirs.values()))
    for a, b in zip(one, three, strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-6)


def test_bad_ranks_and_targets_are_refused_by_name(plain):
    for rank in (0, -1, 1.5, True):
        with pytest.raises(ParameterError, match="rank"):
            low_rank_factors(plain, rank)
    with pytest.raises(ParameterError, match=r"rank 9 is above 8.*conv"):
        low_rank_factors(plain, 9)
    with pytest.raises(ParameterError, match="Did you mean 'attention'"):
        low_rank_factors(plain, 2, "atention")
    with pytest.raises(ParameterError, match="no layer"):
        low_rank_factors(torch.nn.Linear(3, 3), 1)
