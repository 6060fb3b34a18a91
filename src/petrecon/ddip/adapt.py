"""Block (a) of DDIP: fit the network at one noise level to the measured counts."""

from __future__ import annotations

import torch
from torch import Tensor

from petrecon.ddip.adapter import SliceAdapter
from petrecon.ddip.measurement import Measurement
from petrecon.ddip.stopwatch import Stopwatch
from petrecon.errors import PetreconError
from petrecon.models.diffusion import NoiseSchedule

_FLOOR = 1e-6
"""Activity in units of the scale below which the likelihood no longer pulls on the network."""


def adapt(
    adapter: SliceAdapter,
    x_t: Tensor,
    t: int,
    mr: Tensor,
    schedule: NoiseSchedule,
    measured: Measurement,
    watch: Stopwatch,
) -> Tensor:
    r"""Take the adaptation steps of one noise level, as the adapter's settings say.

    With half-quadratic splitting ("hqs") each step is

    .. math:: \bar u \leftarrow \text{N_EM penalised EM steps from } m = D_\theta(x_t, t, z), \qquad
       \theta \leftarrow \text{AdamW on } \|D_\theta(x_t, t, z) - \bar u\|^2 / n ,

    and the projector is only called without gradients. Without it ("poisson") the negative log-likelihood of
    :math:`D_\theta`, per bin, is back-propagated through the projector.

    Parameters
    ----------
    x_t, mr : Tensor, (B, S, X, Y)
    t : int
        Noise level.

    Returns
    -------
    Tensor, (B,)
        Loss of the last step, before it was taken.

    Raises
    ------
    PetreconError
        If a loss is not finite; the message names the noise level.
    """
    settings = adapter.settings
    if settings.reset_optimiser:
        adapter.new_optimiser()
    losses = x_t.new_zeros(len(x_t))
    for _ in range(settings.fine_tunings):
        with watch.time("network"):
            m = schedule.clean(x_t, adapter.predict(x_t, t, mr), t)
        if settings.data == "hqs":
            with watch.time("em"), torch.no_grad():
                pull = m.clamp_min(0.0)
                target = measured.em(pull, pull, settings.beta_over_s, settings.em_iterations)
            losses = (m - target).square().mean((1, 2, 3))
        else:
            with watch.time("em"):
                losses = measured.nll(m.clamp_min(_FLOOR)) / measured.bins
        if not bool(torch.isfinite(losses).all()):
            raise PetreconError(
                f"adaptation diverged at noise level t = {t} (the loss is not finite): lower learning_rate, "
                f"or look for counts where the model expects none"
            )
        with watch.time("adapt"):
            adapter.step(losses)
    return losses.detach()
