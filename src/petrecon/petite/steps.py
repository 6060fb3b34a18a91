"""One step of a training: which volumes, which patches, which loss, and what memory it took."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from petrecon.errors import PetreconError
from petrecon.models.precision import in_precision
from petrecon.peft import trainable_parameters
from petrecon.petite.memory import saved_activations, state_bytes, tensor_bytes
from petrecon.petite.objectives import discriminator_loss, generator_loss, squared_error
from petrecon.petite.patches import PatchSampler
from petrecon.petite.settings import Settings
from petrecon.schedules import examples_of

Row = dict[str, float]


def make_step(
    step: int,
    sampler: PatchSampler,
    networks: list[Any],
    optimisers: list[Any],
    settings: Settings,
    device: torch.device,
    precision: str,
    measure: bool,
) -> tuple[Row, int]:
    """Make one step of every network; return its losses and, when measured on a CPU, its bytes."""
    torch.manual_seed(settings.seed * 1_000_003 + step)
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
    volumes = examples_of(step, len(sampler), settings.volumes, settings.seed)
    x, y = (v.to(device) for v in sampler.draw(volumes, settings.crops, generator))
    for network in networks:
        network.train(bool(trainable_parameters(network)))  # a frozen discriminator shall not drop features at random
    rate = settings.learning_rate * settings.rate(step)
    counting = saved_activations(networks) if measure and device.type == "cpu" else nullcontext()
    row: Row = {"lr": rate}
    with counting as saved, in_precision(precision, device.type):
        if len(networks) == 1:
            loss, predicted = squared_error(networks[0], x, y)
        else:
            loss, predicted = generator_loss(networks[0], networks[1], x, y)
    row["loss"] = _take(loss, optimisers[0], rate, step)
    if len(networks) == 2 and optimisers[1] is not None:
        with in_precision(precision, device.type):
            loss = discriminator_loss(networks[1], x, y, predicted)
        row["discriminator"] = _take(loss, optimisers[1], rate, step)
    if saved is None:
        return row, 0
    weights = tensor_bytes(p for network in networks for p in network.parameters())
    gradients = tensor_bytes(p for network in networks for p in trainable_parameters(network))
    return row, weights + gradients + state_bytes(o for o in optimisers if o is not None) + saved.bytes


def _take(loss: Tensor, optimiser: torch.optim.Optimizer | None, rate: float, step: int) -> float:
    value = float(loss.detach())
    if not math.isfinite(value):
        raise PetreconError(f"the training diverged at step {step + 1} (loss {value}): lower learning_rate")
    if optimiser is not None:
        group = optimiser.param_groups[0]
        group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        loss.backward(inputs=group["params"])  # not those of the other network
        optimiser.step()
    return value


def make_optimiser(parameters: list[nn.Parameter], settings: Settings) -> torch.optim.Optimizer:
    """Return the optimiser of the settings for some parameters."""
    kind: Any = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimiser]
    return kind(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)
