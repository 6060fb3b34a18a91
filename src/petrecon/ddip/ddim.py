"""The sampling half of DDIP: a grid of noise levels, and the step from one to the next."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from petrecon.errors import ParameterError
from petrecon.models.diffusion import NoiseSchedule


def noise_levels(start: int, steps: int, total: int = 1000) -> list[int]:
    """Return the noise levels t that the sampler visits, evenly from start - 1 down to 0.

    `start` = `steps` = 200 gives t = 199, 198 … 0 as in the released code. With one step the only level is start - 1.

    Parameters
    ----------
    start : int
        T', number of levels from which sampling starts.
    steps : int
        K, levels to visit.
    total : int
        T of the schedule.

    Returns
    -------
    list of int
        K levels, descending.

    Raises
    ------
    ParameterError
        If not 1 <= steps <= start <= total.
    """
    if not 1 <= start <= total:
        raise ParameterError(f"start is {start}; a noise level from 1 to {total}, the length of the schedule")
    if not 1 <= steps <= start:
        raise ParameterError(f"steps is {steps}; from 1 to start = {start}")
    return [int(t) for t in np.linspace(start - 1, 0, steps).round()]


def ddim_step(
    clean: Tensor, eps: Tensor, noise: Tensor, t_next: int | None, schedule: NoiseSchedule, eta: float
) -> Tensor:
    r"""Go to the next noise level.

    .. math:: x_{t'} = \sqrt{\bar\alpha_{t'}}\,\hat x_0
       + \sqrt{1-\bar\alpha_{t'}}\,\bigl(\eta\,u + \sqrt{1-\eta^2}\,\epsilon_\theta\bigr), \quad u \sim N(0, I)

    This mixing of fresh and predicted noise (Chung and Ye 2024; Zhu et al. 2023) is not the η of DDIM as diffusers and
    MONAI have it: at η = 0.85 and stride 1 it injects 5 to 9 times more noise.

    Parameters
    ----------
    clean, eps, noise : Tensor, (B, S, X, Y)
        x̂_0, predicted noise and fresh unit noise.
    t_next : int or None
        Next level; None after the last: then x̂_0 itself is returned.
    schedule : NoiseSchedule
    eta : float
        η; 0 is deterministic, 1 forgets the predicted noise.

    Notes
    -----
    Every image that the network sees here has exactly the noise of the level it is told. The released code starts at
    the noise of level T' - 2 but calls it T' - 1, and passes a noise-free image at level 0.
    """
    if t_next is None:
        return clean
    return schedule.noisy(clean, t_next, eta * noise + math.sqrt(1 - eta**2) * eps)
