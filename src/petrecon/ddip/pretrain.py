"""Pre-training of a score network: ε-prediction on simulated heads, with checkpoints and resume."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from petrecon import paths
from petrecon.checkpoints import load_checkpoint, save_checkpoint
from petrecon.ddip.slices import SlicePool, slice_pool
from petrecon.models.diffusion import NoiseSchedule
from petrecon.models.score import ScoreNetwork, ScoreSpec
from petrecon.models.training import load_training, weights_path
from petrecon.models.weights import load_into, load_weights, save_weights
from petrecon.provenance.code import code_digest


def score_loss(
    network: Callable[[Tensor, Tensor, Tensor], Tensor],
    schedule: NoiseSchedule,
    pet: Tensor,
    mr: Tensor,
    mr_dropout: float,
    generator: torch.Generator,
) -> Tensor:
    """Mean squared error of the predicted noise at random levels (Ho et al. 2020, eq. 14).

    Parameters
    ----------
    pet, mr : (B, slices, X, Y) tensors
    mr_dropout : float
        Share of the batch that sees no MR.
    """
    t = torch.randint(schedule.steps, (len(pet),), generator=generator).to(pet.device)
    noise = torch.randn(pet.shape, generator=generator).to(pet.device)
    keep = (torch.rand(len(pet), 1, 1, 1, generator=generator) >= mr_dropout).to(pet)
    predicted = network(schedule.noisy(pet, t, noise), t, mr * keep)
    return (predicted.float() - noise).square().mean()


def pretrain_score(
    name: str, *, checkpoint_every: int = 250, stop_after: int | None = None, progress: bool = True
) -> Path:
    """Train the score network of a card and write its weights; an interrupted training resumes.

    Parameters
    ----------
    name : str
        Training card in ``data/training``.
    checkpoint_every : int
        Iterations between checkpoints.
    stop_after : int, optional
        Stop at this iteration as if interrupted (the checkpoint stays, no weights are written).

    Returns
    -------
    path
        The weight file; its receipt lies beside it.
    """
    card = load_training(name)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    schedule = NoiseSchedule().to(device)
    torch.manual_seed(card["seed"])
    spec = ScoreSpec.from_dict(card["network"])
    network = ScoreNetwork(spec).to(device)
    averaged = _average(network, card["ema"])
    optimiser = torch.optim.AdamW(network.parameters(), lr=card["learning_rate"])
    total = card["iterations"]
    rate = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda i: _rate(i, card["warmup"], total))
    parts: dict[str, Any] = {"network": network, "averaged": averaged, "optimiser": optimiser, "rate": rate}
    checkpoint = paths.cache_dir() / "training" / f"{name}.pt"
    identity = {**card, "code": code_digest(__name__)}
    start, spent = 0, 0.0
    losses: list[list[float]] = []
    if checkpoint.is_file():
        state = load_checkpoint(checkpoint, identity)
        for key, part in parts.items():
            part.load_state_dict(state[key])
        start, losses, spent = state["iteration"], state["losses"], state["seconds"]

    heads = _pool(card, "train", card["heads"], progress)
    held_pet, held_mr = (v.to(device) for v in _pool(card, "validation", 24, False).draw(48, 0, scale_jitter=0.0))
    began = time.monotonic() - spent
    recent: list[float] = []
    for i in _iterations(start, min(total, stop_after or total), name, progress):
        draws = torch.Generator().manual_seed(card["seed"] * 10_000_000 + i)
        pet, mr = (v.to(device) for v in heads.draw(card["batch"], card["seed"] * 10_000_000 + i))
        with torch.autocast(device, dtype=torch.bfloat16):
            loss = score_loss(network, schedule, pet, mr, card["mr_dropout"], draws)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        rate.step()
        averaged.update_parameters(network)
        recent.append(float(loss.detach()))
        if (i + 1) % checkpoint_every == 0 or i + 1 == total:
            with torch.no_grad():
                fixed = torch.Generator().manual_seed(0)
                validation = score_loss(averaged, schedule, held_pet, held_mr, 0.0, fixed)
            losses.append([i + 1, sum(recent) / len(recent), float(validation)])
            recent, spent = [], time.monotonic() - began
            states = {key: part.state_dict() for key, part in parts.items()}
            save_checkpoint(checkpoint, identity, {**states, "iteration": i + 1, "losses": losses, "seconds": spent})
    target = weights_path(name)
    if stop_after is None or stop_after >= total:
        save_weights(
            target,
            averaged.module,
            "score",
            asdict(spec),
            made_by=__name__,
            card=card,
            seconds=round(spent),
            device=device,
            threads=torch.get_num_threads(),
            losses={"columns": ["iteration", "training", "validation"], "rows": losses},
            torch=torch.__version__,
        )
        checkpoint.unlink(missing_ok=True)
    return target


def prior_path(name: str) -> Path:
    """Return the file of a prior: a ``.safetensors`` file of your own, or the shipped weights of a training card."""
    return Path(name) if name.endswith(".safetensors") else weights_path(name)


def load_prior(name: str) -> ScoreNetwork:
    """Return a shipped score network, frozen and in evaluation mode.

    Parameters
    ----------
    name : str
        A training card's name, or the path of a ``.safetensors`` file.

    Raises
    ------
    MissingError, InputError
        If the file is missing, damaged, or of another architecture (see `petrecon.models.weights`).
    """
    path = prior_path(name)
    spec, state = load_weights(path, "score")
    network = ScoreNetwork(ScoreSpec.from_dict(spec))
    load_into(network, state, path.name)
    return network.eval().requires_grad_(False)


def _average(network: ScoreNetwork, decay: float) -> torch.optim.swa_utils.AveragedModel:
    average = torch.optim.swa_utils.get_ema_multi_avg_fn(decay)
    return torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=average)


def _rate(iteration: int, warmup: int, total: int) -> float:
    """Warm up linearly, then fall to a twentieth along a cosine."""
    if iteration < warmup:
        return (iteration + 1) / warmup
    return 0.05 + 0.475 * (1 + math.cos(math.pi * (iteration - warmup) / max(1, total - warmup)))


def _pool(card: dict[str, Any], split: str, count: int, progress: bool) -> SlicePool:
    low, high = card["image"]["heights_mm"]
    return slice_pool(
        card["tracer"],
        split,
        count,
        card["seed"],
        image_shape=card["image"]["shape"],
        voxel_size=card["image"]["voxel_mm"],
        heights_mm=(low, high),
        slices=card["network"].get("slices", 1),
        progress=progress,
    )


def _iterations(start: int, stop: int, name: str, progress: bool) -> Iterator[int]:
    if not progress:
        yield from range(start, stop)
        return
    from tqdm import tqdm

    yield from tqdm(range(start, stop), desc=name, initial=start, total=stop, mininterval=5)
