"""One step of a training: which volumes, which patches, which loss, and what memory it took."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from petrecon.errors import PetreconError
from petrecon.petite.memory import saved_activations, state_bytes, tensor_bytes
from petrecon.petite.objectives import discriminator_loss, generator_loss, squared_error, trainable
from petrecon.petite.patches import PatchSampler
from petrecon.petite.settings import Settings

Row = dict[str, float]


def make_step(
    step: int,
    sampler: PatchSampler,
    players: list[Any],
    optimisers: list[Any],
    settings: Settings,
    device: torch.device,
    measure: bool,
) -> tuple[Row, int]:
    """Make one step of every player; return its losses and, when measured on a CPU, its bytes."""
    torch.manual_seed(settings.seed * 1_000_003 + step)
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
    volumes = _volumes_of(step, len(sampler), settings.volumes, settings.seed)
    x, y = (v.to(device) for v in sampler.draw(volumes, settings.crops, generator))
    for player in players:
        player.train(bool(trainable(player)))  # a frozen discriminator shall not drop features at random
    rate = settings.learning_rate * settings.rate(step)
    half = torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()
    counting = saved_activations(players) if measure and device.type == "cpu" else nullcontext()
    row: Row = {"lr": rate}
    with counting as kept, half:
        if len(players) == 1:
            loss, predicted = squared_error(players[0], x, y)
        else:
            loss, predicted = generator_loss(players[0], players[1], x, y)
    row["loss"] = _take(loss, optimisers[0], rate, step)
    if len(players) == 2 and optimisers[1] is not None:
        with half:
            loss = discriminator_loss(players[1], x, y, predicted)
        row["discriminator"] = _take(loss, optimisers[1], rate, step)
    if kept is None:
        return row, 0
    weights = tensor_bytes(p for player in players for p in player.parameters())
    gradients = tensor_bytes(p for player in players for p in trainable(player))
    return row, weights + gradients + state_bytes(o for o in optimisers if o is not None) + kept.bytes


def _take(loss: Tensor, optimiser: torch.optim.Optimizer | None, rate: float, step: int) -> float:
    value = float(loss.detach())
    if not math.isfinite(value):
        raise PetreconError(f"the training diverged at step {step + 1} (loss {value}): lower learning_rate")
    if optimiser is not None:
        group = optimiser.param_groups[0]
        group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        loss.backward(inputs=group["params"])  # not those of the other player
        optimiser.step()
    return value


def make_optimiser(parameters: list[nn.Parameter], settings: Settings) -> torch.optim.Optimizer:
    """Return the optimiser of the settings for some parameters."""
    kind: Any = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimiser]
    return kind(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)


def _volumes_of(step: int, count: int, volumes: int, seed: int) -> list[int]:
    """Return the volumes of a step: epochs are shuffled, each by the seed and its number alone."""
    per_epoch = math.ceil(count / volumes)
    epoch, part = divmod(step, per_epoch)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
    chosen: list[int] = order[part * volumes : (part + 1) * volumes].tolist()
    return chosen
