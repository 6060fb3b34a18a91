"""Pre-training of a score network: ε-prediction on simulated heads, with checkpoints and resume."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from petrecon import paths
from petrecon.checkpoints import Fields, resumable
from petrecon.ddip.slices import SlicePool, slice_pool
from petrecon.models.diffusion import NoiseSchedule
from petrecon.models.precision import forward_precision, in_precision
from petrecon.models.score import ScoreNetwork, ScoreSpec
from petrecon.models.shipped_trainings import load_training, weights_path
from petrecon.models.weights import load_into, load_weights, save_weights
from petrecon.provenance.code import code_digest
from petrecon.reconstruct.progress import counted
from petrecon.schedules import warmup_cosine


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

    Returns
    -------
    Tensor, ()
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
        Training card in ``data/training``. Its entry ``precision`` ("auto" or "float32") may forbid bfloat16; the
        receipt of the weights has what was used.
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
    precision = forward_precision(card.get("precision", "auto"), device)
    schedule = NoiseSchedule().to(device)
    torch.manual_seed(card["seed"])
    spec = ScoreSpec.from_dict(card["network"])
    network = ScoreNetwork(spec).to(device)
    averaged = _average(network, card["ema"])
    optimiser = torch.optim.AdamW(network.parameters(), lr=card["learning_rate"])
    total = card["iterations"]
    rate = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda i: warmup_cosine(i, total, card["warmup"], last=0.05))
    log = SimpleNamespace(losses=[], recent=[], seconds=0.0)
    parts: dict[str, Any] = {"network": network, "averaged": averaged, "optimiser": optimiser, "rate": rate}
    parts["log"] = Fields(log, "losses", "recent", "seconds")
    checkpoint = paths.cache_dir() / "training" / f"{name}.pt"

    heads = _pool(card, "train", card["heads"], progress)
    held_pet, held_mr = (v.to(device) for v in _pool(card, "validation", 24, False).draw(48, 0, scale_jitter=0.0))
    last = min(total, stop_after or total)
    steps = resumable(
        counted(last, name, progress),
        parts,
        checkpoint,
        lambda: {**card, "code": code_digest(__name__), "precision": precision},
        every=checkpoint_every,
    )
    for step in steps:
        began = time.monotonic()
        seed = card["seed"] * 10_000_000 + step - 1
        pet, mr = (v.to(device) for v in heads.draw(card["batch"], seed))
        with in_precision(precision, device):
            draws = torch.Generator().manual_seed(seed)
            loss = score_loss(network, schedule, pet, mr, card["mr_dropout"], draws)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        rate.step()
        averaged.update_parameters(network)
        log.recent.append(float(loss.detach()))
        if step % checkpoint_every == 0 or step == total:
            with torch.no_grad():
                fixed = torch.Generator().manual_seed(0)
                validation = score_loss(averaged, schedule, held_pet, held_mr, 0.0, fixed)
            log.losses.append([step, sum(log.recent) / len(log.recent), float(validation)])
            log.recent.clear()
        log.seconds += time.monotonic() - began
    target = weights_path(name)
    if last == total:
        save_weights(
            target,
            averaged.module,
            "score",
            asdict(spec),
            made_by=__name__,
            card=card,
            seconds=round(log.seconds),
            device=device,
            precision=precision,
            threads=torch.get_num_threads(),
            losses={"columns": ["iteration", "training", "validation"], "rows": log.losses},
            torch=torch.__version__,
        )
        checkpoint.unlink(missing_ok=True)
    return target


def prior_path(name: str) -> Path:
    """Return the file of a prior: a ``.safetensors`` file of your own, or the shipped weights of a training card.

    Parameters
    ----------
    name : str
        Training card, or a path that ends in ``.safetensors``.

    Returns
    -------
    path
    """
    return Path(name) if name.endswith(".safetensors") else weights_path(name)


def load_prior(name: str) -> ScoreNetwork:
    """Return a shipped score network, frozen and in evaluation mode.

    Parameters
    ----------
    name : str
        A training card's name, or the path of a ``.safetensors`` file.

    Returns
    -------
    ScoreNetwork

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
