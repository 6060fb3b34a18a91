"""bfloat16 trains a network as well as float32 does, where a processor has it, and only where it was asked for."""

import pytest
import torch

from petrecon.errors import ParameterError
from petrecon.models import NoiseSchedule
from petrecon.models.precision import forward_precision, has_bfloat16, in_precision

SEEDS, STEPS = range(4), 300


def validation_loss(precision, seed):
    """Train a tiny denoiser on discs of random size and place; return its loss on fixed ones, in float32."""
    schedule, draws = NoiseSchedule(), torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [torch.nn.Conv2d(i, o, 5, padding=2) for i, o in ((2, 8), (8, 8), (8, 1))]
        network = torch.nn.Sequential(layers[0], torch.nn.SiLU(), layers[1], torch.nn.SiLU(), layers[2])
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)

    def loss(count, draws):
        grid = torch.linspace(-1, 1, 16)
        x, y, radius = (torch.rand(3, count, 1, 1, 1, generator=draws) - 0.5).unbind()
        images = ((grid[:, None] - x) ** 2 + (grid - y) ** 2 < (0.5 + radius / 2) ** 2).float()
        t = torch.randint(schedule.steps, (count,), generator=draws)
        noise = torch.randn(images.shape, generator=draws)
        level = (t / schedule.steps).reshape(-1, 1, 1, 1).expand_as(images)
        predicted = network(torch.cat([schedule.noisy(images, t, noise), level], dim=1))
        return (predicted.float() - noise).square().mean()

    for _ in range(STEPS):
        with in_precision(precision, "cpu"):
            value = loss(8, draws)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    with torch.no_grad():
        return float(loss(64, torch.Generator().manual_seed(99)))


@pytest.mark.skipif(not has_bfloat16("cpu"), reason="this processor has neither AMX nor AVX512-BF16")
def test_a_training_in_bfloat16_ends_within_the_spread_of_trainings_in_float32():
    single, half = (torch.tensor([validation_loss(p, s) for s in SEEDS]) for p in ("float32", "bfloat16"))
    assert single.max() < 0.5  # 1 for a network that predicts no noise
    assert not torch.equal(single, half)
    assert (half - single).mean().abs() < single.std()


def test_float32_is_float32_and_auto_follows_the_hardware(monkeypatch):
    for supported, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr("petrecon.models.precision.has_bfloat16", lambda device, answer=supported: answer)
        assert forward_precision("auto", "cpu") == expected
        assert forward_precision("float32", "cpu") == "float32"
    with pytest.raises(ParameterError, match="'float16'. Did you mean 'float32'"):
        forward_precision("float16", "cpu")


def test_only_the_layers_of_the_forward_pass_are_in_bfloat16():
    layer, x = torch.nn.Linear(4, 4), torch.ones(1, 4)
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with in_precision(precision, "cpu"):
            y = layer(x)
        y.float().sum().backward()
        assert (y.dtype, layer.weight.dtype, layer.weight.grad.dtype) == (dtype, torch.float32, torch.float32)
