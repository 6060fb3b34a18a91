"""The forward process of a diffusion model and Tweedie's estimate (DDPM, Ho et al. 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from petrecon.errors import ParameterError


class NoiseSchedule(nn.Module):
    """Linear variance schedule: x_t = √ᾱ_t x_0 + √(1 − ᾱ_t) ε.

    Parameters
    ----------
    steps : int
        T, number of noise levels; t runs from 0 (nearly clean) to T − 1 (noise).
    first, last : float
        Variance added at the first and the last level (1e-4 and 0.02 in DDPM and in DDIP for PET).

    Raises
    ------
    ParameterError
        If the schedule is not 0 < first ≤ last < 1 with at least one step.

    Examples
    --------
    >>> schedule = NoiseSchedule()
    >>> x0, noise = torch.ones(2, 1, 4, 4), torch.zeros(2, 1, 4, 4)
    >>> x_t = schedule.noisy(x0, torch.tensor([0, 999]), noise)
    >>> [round(float(v), 4) for v in x_t[:, 0, 0, 0]]
    [0.9999, 0.0064]
    >>> torch.allclose(schedule.clean(x_t, noise, torch.tensor([0, 999])), x0)
    True
    """

    alpha_bar: Tensor

    def __init__(self, steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> None:
        super().__init__()
        if steps < 1 or not 0 < first <= last < 1:
            raise ParameterError(
                f"a noise schedule needs steps ≥ 1 and 0 < first ≤ last < 1, not {steps}, {first}, {last}"
            )
        variance = torch.linspace(first, last, steps, dtype=torch.float64)
        self.register_buffer("alpha_bar", torch.cumprod(1 - variance, 0).to(torch.float32))

    @property
    def steps(self) -> int:
        """T, the number of noise levels."""
        return len(self.alpha_bar)

    def signal_and_noise(self, t: Tensor | int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return √ᾱ_t and √(1 − ᾱ_t), shaped to multiply `like` (B, …); t (B,) long or one int."""
        level = self.alpha_bar[torch.as_tensor(t, device=self.alpha_bar.device)].to(like)
        level = level.reshape(-1, *(1 for _ in range(like.ndim - 1)))
        return level.sqrt(), (1 - level).sqrt()

    def noisy(self, x0: Tensor, t: Tensor | int, noise: Tensor) -> Tensor:
        """Return x_t, (B, …), from the clean image and unit noise of the same shape."""
        signal, sigma = self.signal_and_noise(t, x0)
        return signal * x0 + sigma * noise

    def clean(self, x_t: Tensor, eps: Tensor, t: Tensor | int) -> Tensor:
        """Tweedie's estimate of the clean image, x̂_0 = (x_t − √(1 − ᾱ_t) ε) / √ᾱ_t, (B, …).

        It is the posterior mean E[x_0 | x_t] when ε is the ideal noise prediction (Efron 2011).
        """
        signal, sigma = self.signal_and_noise(t, x_t)
        return (x_t - sigma * eps) / signal
