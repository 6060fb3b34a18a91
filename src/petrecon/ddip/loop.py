"""The DDIP reconstruction (Algorithm 1): sample from a diffusion prior that adapts to the measured counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from petrecon.ddip.adapt import adapt
from petrecon.ddip.adapter import SliceAdapter
from petrecon.ddip.checks import check_finite, check_fit, checked_mr, checked_scale
from petrecon.ddip.ddim import ddim_step, noise_levels
from petrecon.ddip.measurement import Measurement
from petrecon.ddip.noise import UnitNoise
from petrecon.ddip.scale import measured_scale
from petrecon.ddip.settings import DDIPSettings
from petrecon.ddip.stopwatch import Stopwatch
from petrecon.errors import PetreconError
from petrecon.models.diffusion import NoiseSchedule
from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct import mlem
from petrecon.reconstruct.progress import counted


@dataclass(frozen=True)
class Step:
    """One sampling step.

    Attributes
    ----------
    t : int
        Noise level.
    nll : Tensor, (B,), float64
        Negative log-likelihood of the clean image, per stack.
    loss : Tensor, (B,)
        Last adaptation loss; zeros when nothing is adapted.
    """

    t: int
    nll: Tensor
    loss: Tensor


@dataclass(frozen=True, eq=False)
class DDIPResult:
    """A reconstruction and what it cost.

    Attributes
    ----------
    image : Tensor, (*lead, X, Y)
        Activity, kBq/mL.
    scale : Tensor, (*lead, 1, 1)
        kBq/mL per unit of the network.
    history : tuple of Step
    seconds : dict
        Wall-clock seconds of the whole batch: "network" (forward passes), "em" (projector), "adapt" (backward passes
        and optimiser), "sampling" (the rest).
    nfe, backwards, em_iterations : int
        Forward and backward passes of the network and EM iterations, per stack (without those of the scale).
    """

    image: Tensor
    scale: Tensor
    history: tuple[Step, ...]
    seconds: dict[str, float]
    nfe: int
    backwards: int
    em_iterations: int


def ddip(
    y: Tensor,
    model: AcquisitionModel,
    mr: Tensor | None,
    network: nn.Module,
    schedule: NoiseSchedule,
    settings: DDIPSettings | None = None,
    seed: int = 0,
    *,
    scale: Tensor | float | None = None,
    callback: Callable[[int, Tensor], None] | None = None,
    progress: bool = False,
) -> DDIPResult:
    """Reconstruct slices with a diffusion prior that is adapted to their counts while it is sampled.

    At every noise level: (a) a few steps of adaptation, see `adapt`; (b) the clean image that the adapted network now
    predicts, and the step to the next level, see `ddim_step`. The returned image is the last such prediction. Its
    variants are settings: a frozen prior, no MR, no splitting, no warm start (see `DDIPSettings`).

    Parameters
    ----------
    y : Tensor, (*lead, *sinogram_shape)
        Prompt counts. Each slice is adapted by itself. A network that sees 3 slices needs a last leading axis of 3.
    model : AcquisitionModel
        Two-dimensional; its factors and background may have the leading axes of `y`.
    mr : Tensor, (X, Y) or (*lead, X, Y), or None
        MR on the image grid, in [0, 1] as in training; None only with `use_mr=False`.
    network : nn.Module
        `ScoreNetwork`; (x_t, t, mr) -> noise. It is never modified.
    schedule : NoiseSchedule
    settings : DDIPSettings, optional
    seed : int
        Slice stack k draws from stream k of the seed, so it is the same in a batch of any size.
    scale : Tensor or float, optional
        kBq/mL that the network calls 1, one number or one per slice; `measured_scale` by default.
    callback : callable (k, image) -> None, optional
        Sees the clean image of step k (from 1), (*lead, X, Y) in kBq/mL.
    progress : bool

    Returns
    -------
    DDIPResult

    Raises
    ------
    InputError
        For counts, an MR or a scale that cannot be used.
    ParameterError
        For a start or a number of steps outside the schedule.
    PetreconError
        If a value stops being finite (the noise level is named), or the GPU is out of memory.

    Notes
    -----
    Source: Hashimoto and Gong 2026, Algorithm 1, with the settings of the released code; per slice and noise level one
    forward pass, `fine_tunings` forward and backward passes, and `fine_tunings` × `em_iterations` EM iterations.
    """
    settings = settings or DDIPSettings()
    levels = noise_levels(settings.start, settings.steps, schedule.steps)
    spec = getattr(network, "spec", None)
    slices, divisor = (1, 1) if spec is None else (spec.slices, spec.divisor)
    check_fit(y, model, slices, divisor)
    z = checked_mr(mr if settings.use_mr else torch.zeros(model.image_shape), y, model)
    device = next((p.device for p in network.parameters()), y.device)
    here = y.to(model.factors.device)
    watch = Stopwatch(device)
    with _named_when_out_of_memory(y.shape[:-2].numel()):
        with watch.time("em"):
            unit = measured_scale(here, model) if scale is None else scale
            measured = Measurement(y.to(device), model, checked_scale(unit, y, slices).to(device), slices)
            warm = mlem(here, model, settings.warm_start).to(device) if settings.warm_start else None
        x0 = None if warm is None else measured.to_network(warm / measured.scale)
        z = measured.to_network(z.to(device))
        noise = UnitNoise(seed, z)
        x_t = noise.draw() if x0 is None else schedule.noisy(x0, levels[0], noise.draw())
        adapter = SliceAdapter(network, settings, len(z), seed)
        history = []
        for k in counted(len(levels), "DDIP", progress):
            t, t_next = levels[k - 1], levels[k] if k < len(levels) else None
            loss = adapt(adapter, x_t, t, z, schedule, measured, watch) if adapter.adapts else z.new_zeros(len(z))
            with torch.no_grad():
                with watch.time("network"):
                    eps = adapter.predict(x_t, t, z)
                clean = schedule.clean(x_t, eps, t).clamp(0.0, settings.ceiling)
                with watch.time("em"):
                    if settings.consistency_em:
                        clean = measured.em(clean, clean, settings.beta_over_s, settings.consistency_em)
                    nll = measured.nll(clean)
                with watch.time("sampling"):
                    x_t = ddim_step(clean, eps, noise.draw(), t_next, schedule, settings.eta)
            check_finite(x_t, t)
            history.append(Step(t, nll.cpu(), loss.cpu()))
            if callback is not None:
                callback(k, measured.to_model(clean) * measured.scale)
    passes = settings.fine_tunings * len(levels) if adapter.adapts else 0
    em = settings.consistency_em * len(levels) + (passes * settings.em_iterations if settings.data == "hqs" else 0)
    return DDIPResult(
        image=(measured.to_model(x_t) * measured.scale).to(y.device),
        scale=measured.scale.to(y.device),
        history=tuple(history),
        seconds=dict(watch.seconds),
        nfe=len(levels) + passes,
        backwards=passes,
        em_iterations=em + settings.warm_start,
    )


@contextmanager
def _named_when_out_of_memory(slices: int) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError:
        raise PetreconError(
            f"out of GPU memory with {slices} slices at once: reconstruct fewer at a time, or take a smaller network"
        ) from None
