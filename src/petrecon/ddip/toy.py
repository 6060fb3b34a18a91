"""A Gaussian prior whose score, samples and posterior are known exactly: what a sampler can be checked against."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from petrecon.models.diffusion import NoiseSchedule
from petrecon.phantoms.draws import generator
from petrecon.projectors import AcquisitionModel


def smooth_covariance(shape: tuple[int, int], sd: float, length: float) -> Tensor:
    """Return the covariance of a smooth random image, (X·Y, X·Y) float64: sd² exp(-d² / 2 length²), plus 1e-4 sd².

    Parameters
    ----------
    shape : (X, Y)
    sd : float
        Standard deviation of every pixel.
    length : float
        Correlation length in pixels.
    """
    axes = [torch.arange(n, dtype=torch.float64) for n in shape]
    where = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    distance2 = (where[:, None] - where[None]).square().sum(-1)
    kernel = torch.exp(-distance2 / (2 * length**2))
    return sd**2 * (kernel + 1e-4 * torch.eye(len(kernel), dtype=torch.float64))


class GaussianPrior(nn.Module):
    r"""The ideal noise prediction for images drawn from :math:`N(\mu, \Sigma)`.

    .. math:: E[x_0 \mid x_t] = \mu + \sqrt{\bar\alpha_t}\,\Sigma\,(\bar\alpha_t \Sigma + (1-\bar\alpha_t) I)^{-1}
       (x_t - \sqrt{\bar\alpha_t}\,\mu), \qquad
       \epsilon = (x_t - \sqrt{\bar\alpha_t}\, E[x_0 \mid x_t]) / \sqrt{1-\bar\alpha_t}

    It stands where a `ScoreNetwork` does. Its mean is a parameter: adaptation ("full") can move what the prior
    expects, but not what it takes for noise.

    Parameters
    ----------
    mean : Tensor, (X, Y)
        In units of the scale.
    covariance : Tensor, (X·Y, X·Y)
    schedule : NoiseSchedule
    """

    values: Tensor
    vectors: Tensor
    levels: Tensor

    def __init__(self, mean: Tensor, covariance: Tensor, schedule: NoiseSchedule) -> None:
        super().__init__()
        values, vectors = torch.linalg.eigh(covariance.double())
        self.mean = nn.Parameter(mean.float(), requires_grad=False)
        self.register_buffer("values", values.clamp_min(0.0).float())
        self.register_buffer("vectors", vectors.float())
        self.register_buffer("levels", schedule.alpha_bar.clone())

    def forward(self, x_t: Tensor, t: Tensor, mr: Tensor) -> Tensor:
        """Return the ideal ε, (B, 1, X, Y); the MR is ignored."""
        level = self.levels[t].reshape(-1, 1)
        offset = (x_t - level.sqrt()[..., None, None] * self.mean).reshape(len(x_t), -1) @ self.vectors
        eps = (1 - level).sqrt() / (level * self.values + 1 - level) * offset
        return (eps @ self.vectors.T).reshape(x_t.shape)

    def sample(self, count: int, seed: int) -> Tensor:
        """Draw images, (count, X, Y)."""
        drawn = generator(seed, "gaussian prior").standard_normal((count, len(self.values)))
        colour = torch.from_numpy(drawn).float().to(self.values) * self.values.sqrt()
        return self.mean + (colour @ self.vectors.T).reshape(count, *self.mean.shape)

    def posterior(self, y: Tensor, model: AcquisitionModel, scale: float, schedule: NoiseSchedule) -> GaussianPrior:
        r"""Return the distribution given counts, as a Gaussian with a score of its own.

        :math:`\Lambda = \Sigma^{-1} + \sigma^2 A^T V^{-1} A` with V the expected counts at the prior's mean: exact for
        Gaussian data of that variance, and a good approximation of Poisson counts where many are expected in each bin.

        Parameters
        ----------
        y : Tensor, (*sinogram_shape)
            Prompt counts.
        model : AcquisitionModel
        scale : float
            σ, kBq/mL per unit.
        """
        with torch.no_grad():
            pixels = self.mean.numel()
            variance = model(self.mean.double() * scale).flatten()
            basis = torch.eye(pixels, dtype=torch.float64).reshape(pixels, *self.mean.shape)
            system = scale * model.linear(basis).reshape(pixels, -1).T
            precision = (self.vectors.double() / self.values.double().clamp_min(1e-30)) @ self.vectors.double().T
            covariance = torch.linalg.inv(precision + system.T @ (system / variance[:, None]))
            residual = (y.double().flatten() - variance) / variance
            mean = self.mean.double() + (covariance @ (system.T @ residual)).reshape(self.mean.shape)
        return GaussianPrior(mean, covariance, schedule)


def sampled_variance(values: Tensor, levels: list[int], schedule: NoiseSchedule, eta: float, start: Tensor) -> Tensor:
    r"""Return the variance of what the sampler returns, for a Gaussian with the eigenvalues `values`.

    Each step is linear, so the variance of every eigen-direction λ follows by itself: with
    :math:`\hat x_0 = k x_t`, :math:`\epsilon = e x_t`,
    :math:`v' = (\sqrt{\bar\alpha'} k + \sqrt{1-\bar\alpha'} \sqrt{1-\eta^2}\, e)^2 v + (1-\bar\alpha') \eta^2`,
    and :math:`k^2 v` at the end. A calibrated sampler would return λ.

    Parameters
    ----------
    values : Tensor, (n,)
        λ, eigenvalues of the covariance.
    levels : list of int
        As `noise_levels` gives them.
    start : Tensor, (n,)
        Variance of the start image at the first level.
    """
    v = start.double()
    for k, t in enumerate(levels):
        alpha = schedule.alpha_bar[t].double()
        total = alpha * values.double() + 1 - alpha
        clean, eps = alpha.sqrt() * values.double() / total, (1 - alpha).sqrt() / total
        if k + 1 == len(levels):
            return clean**2 * v
        following = schedule.alpha_bar[levels[k + 1]].double()
        kept = following.sqrt() * clean + (1 - following).sqrt() * math.sqrt(1 - eta**2) * eps
        v = kept**2 * v + (1 - following) * eta**2
    return v
