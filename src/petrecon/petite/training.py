"""Train a scan-time-reduction network: all of it, or only the parameters that require a gradient."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, cast

import torch
from torch import Tensor, nn

from petrecon.checkpoints import load_checkpoint, save_checkpoint
from petrecon.errors import InputError, ParameterError
from petrecon.petite.evaluate import mean_scores, score_volumes
from petrecon.petite.infer import predict
from petrecon.petite.objectives import trainable
from petrecon.petite.pairs import ScanPairs
from petrecon.petite.patches import PatchSampler, pad_to
from petrecon.petite.scaling import scaled
from petrecon.petite.settings import Settings
from petrecon.petite.states import identity_of, restore_state, trained_state
from petrecon.petite.steps import Row, make_optimiser, make_step
from petrecon.reconstruct.progress import counted


@dataclass
class Fit:
    """What `fit` returns; the network itself holds the values of the last step.

    Attributes
    ----------
    history : list of dict
        Per step: step, loss (and discriminator), lr.
    validations : list of dict
        Per validation: step and the mean scores.
    final, best : dict or None
        Validation after the last step, and the one of highest PSNR; None without validation set.
    best_state : dict of tensor
        The trained parameters (and buffers) at the best validation.
    trained : int
        Number of parameters trained, the discriminator's not counted.
    seconds, seconds_per_step : float
        Whole training without validations, and median of a step.
    peak_bytes : int
        Largest memory of a step: weights, gradients, optimiser state and saved activations (on a GPU: as allocated).
    """

    history: list[Row] = field(default_factory=list)
    validations: list[Row] = field(default_factory=list)
    final: Row | None = None
    best: Row | None = None
    best_state: dict[str, Tensor] = field(default_factory=dict)
    trained: int = 0
    seconds: float = 0.0
    seconds_per_step: float = 0.0
    peak_bytes: int = 0


def fit(
    network: nn.Module,
    pairs: ScanPairs,
    settings: Settings,
    *,
    discriminator: nn.Module | None = None,
    validation: ScanPairs | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> Fit:
    """Train a network in place on short and long scans; the same function pre-trains and fine-tunes.

    Only parameters that require a gradient are optimised; a network that has none (No-FT) is only validated. What
    BatchNorm's statistics do is the network's own affair (`petrecon.peft.apply_recipe` keeps them frozen). Every draw
    depends on the seed and the number of the step alone, so a resumed training equals an uninterrupted one. On a GPU
    the forward passes run in bfloat16.

    Parameters
    ----------
    network : module
        (B, 1, *patch) → (B, 1, *patch), on its device.
    pairs : Pairs
        Training set.
    settings : Settings
    discriminator : module, optional
        (B, 2, *patch) → logits; needed by the objective "adversarial", trained in place where its weights require a
        gradient.
    validation : Pairs, optional
        Scored every `settings.validate_every` steps and at the end.
    checkpoint : path, optional
        Written after every validation (and every 50 steps); an existing one is resumed.
    progress : bool
        Show a bar.

    Raises
    ------
    InputError
        For an empty training set, a grid smaller than the patch (unless `settings.pad`), or a checkpoint of another
        training.
    ParameterError
        If the discriminator is missing.
    PetreconError
        If the loss is no longer finite; the step is named.
    """
    if not len(pairs):
        raise InputError("the training set is empty: give at least one subject")
    adversarial = settings.objective == "adversarial"
    if adversarial and discriminator is None:
        raise ParameterError("the objective 'adversarial' needs a discriminator: build one, or choose objective='mse'")
    short, long = scaled(pairs, settings.scaling)
    if settings.pad:
        short, long = (pad_to(volumes, settings.patch) for volumes in (short, long))
    sampler = PatchSampler(short, long, settings.patch)
    device = next(network.parameters()).device
    players: list[Any] = [network, discriminator] if adversarial else [network]
    for player in players:
        _lay_out(player)
    optimisers = [make_optimiser(trainable(p), settings) if trainable(p) else None for p in players]
    result = Fit(trained=sum(p.numel() for p in trainable(network)))
    card = identity_of(players, pairs, settings) if checkpoint is not None else {}
    first = 0
    times: list[float] = []
    if checkpoint is not None and Path(checkpoint).is_file():
        saved = load_checkpoint(checkpoint, card)
        first, times = saved["step"], saved["times"]
        for player, optimiser, state, moments in zip(
            players, optimisers, saved["states"], saved["moments"], strict=True
        ):
            restore_state(player, state)
            if optimiser is not None:
                optimiser.load_state_dict(moments)
        for name, value in saved["fit"].items():
            setattr(result, name, value)
    steps = settings.steps if any(optimisers) else 0
    cuda = [device] if device.type == "cuda" else []
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    for step in counted(steps, f"training {result.trained:,} parameters", progress):
        if step <= first:
            continue
        began = time.perf_counter()
        with torch.random.fork_rng(devices=cuda):
            row, kept = make_step(step - 1, sampler, players, optimisers, settings, device, measure=step == first + 1)
        times.append(time.perf_counter() - began)
        result.history.append({"step": step, **row})
        if kept:
            result.peak_bytes = max(result.peak_bytes, kept)
        due = step == steps or (settings.validate_every > 0 and step % settings.validate_every == 0)
        if due and validation is not None:
            _validate(network, validation, settings, step, result)
        if checkpoint is not None and (due or step % 50 == 0):
            names = ("history", "validations", "best", "best_state", "peak_bytes")
            save_checkpoint(
                checkpoint,
                card,
                {
                    "step": step,
                    "times": times,
                    "states": [trained_state(p) for p in players],
                    "moments": [None if o is None else o.state_dict() for o in optimisers],
                    "fit": {name: getattr(result, name) for name in names},
                },
            )
    if validation is not None:
        if not steps:
            _validate(network, validation, settings, 0, result)
        result.final = result.validations[-1]
    if cuda:
        result.peak_bytes = torch.cuda.max_memory_allocated(device)
    result.seconds = sum(times)
    result.seconds_per_step = median(times[1:] or times) if times else 0.0
    network.eval()
    return result


def _lay_out(network: nn.Module) -> None:
    """Store convolution weights channels last: a quarter faster on a CPU, with the same values."""
    for module in network.modules():
        if isinstance(module, (nn.Conv3d, nn.ConvTranspose3d)):
            cast(Any, module).to(memory_format=torch.channels_last_3d)


def _validate(network: nn.Module, validation: ScanPairs, settings: Settings, step: int, result: Fit) -> None:
    (short,) = scaled(validation, settings.scaling, ("short",))
    predicted = predict(network, short, settings.patch, pad=settings.pad)
    scores = mean_scores(score_volumes(predicted, validation, settings.scaling))
    row = {"step": step, **scores}
    result.validations.append(row)
    if result.best is None or row["psnr"] > result.best["psnr"]:
        result.best, result.best_state = row, trained_state(network)
