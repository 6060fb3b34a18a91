r"""The image half of the splitting: Poisson likelihood plus a quadratic pull, by penalised EM.

Half-quadratic splitting of :math:`\max_\theta L(y \mid D_\theta)` gives, with u = x / σ the image
in units of its scale,

.. math:: \min_{u \ge 0,\, \theta}\; -L(y \mid A \sigma u + b) + \tfrac{\beta}{2} \|u - D_\theta\|^2 .

One β serves all voxels, because the same squared norm, unweighted, is what the network is then fitted to:
with one β per voxel the two halves would minimise different objectives. β is a number of counts. It is given
here relative to the mean sensitivity :math:`\bar s` (over the voxels that any line sees), as the
dimensionless `beta_over_s` :math:`= \beta / (\sigma \bar s)`, which means the same for every scanner, dose
and unit; the released code's β = 0.01 amounts to about 2e-5.
"""

from __future__ import annotations

import torch
from torch import Tensor

from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct.majorise import em_back_projection, positive_root

_UNSEEN = 1e-6
"""Sensitivity relative to its mean below which a voxel counts as unseen."""


def relative_sensitivity(model: AcquisitionModel, like: Tensor) -> Tensor:
    """Return s_j over its mean, in `like`'s precision and device, (..., *image_shape); 0 where no line passes."""
    s = model.sensitivity().to(like)
    dims = tuple(range(-len(model.linear.in_shape), 0))
    mean = s.sum(dims, keepdim=True) / (s > 0).sum(dims, keepdim=True).clamp_min(1)
    ratio = s / mean.clamp_min(torch.finfo(s.dtype).tiny)
    return torch.where(ratio > _UNSEEN, ratio, 0.0)


def closed_form(em: Tensor, m: Tensor, beta: Tensor | float) -> Tensor:
    r"""Minimise the EM surrogate plus the pull, :math:`u - u_{EM} \log u + \tfrac{b}{2}(u - m)^2` over u >= 0.

    The root of :math:`b u^2 + (1 - b m) u - u_{EM} = 0`, with b = β/s. The textbook form
    :math:`\tfrac12[(m - 1/b) + \sqrt{(m - 1/b)^2 + 4 u_{EM}/b}]` loses all digits of the pull in float32 when
    b is small; `petrecon.reconstruct.majorise.positive_root` keeps them. b = 0 gives the EM image, a large b
    gives m.

    Parameters
    ----------
    em : Tensor
        u_EM >= 0, the plain EM update.
    m : Tensor
        The image that pulls, of `em`'s shape.
    beta : Tensor or float
        b = β/s >= 0, dimensionless.

    Notes
    -----
    Source: Lange, Hunter and Yang 2000; Wang and Qi 2012; the HQS step of Hashimoto and Gong 2026.
    """
    b = torch.as_tensor(beta, dtype=em.dtype, device=em.device)
    return positive_root(b, 1 - b * m, em)


def penalised_em(
    x: Tensor,
    y: Tensor,
    model: AcquisitionModel,
    m: Tensor,
    beta_over_s: float,
    *,
    scale: Tensor | float = 1.0,
    iterations: int = 1,
    seen: Tensor | None = None,
) -> Tensor:
    """Lower -L(y | A σu + b) + (β/2) ‖u - m‖² by EM steps in closed form, each of which cannot raise it.

    Parameters
    ----------
    x, m : Tensor, (..., *image_shape)
        Current image u >= 0 and the image that pulls, both in units of `scale`. Zeros of u stay zero where m
        <= 0.
    y : Tensor, (..., *sinogram_shape)
        Prompt counts.
    model : AcquisitionModel
    beta_over_s : float
        β / (σ s̄), dimensionless: 0 is MLEM, about 1 balances, 20 and more returns m.
    scale : Tensor or float
        σ, kBq/mL, broadcastable to the images.
    iterations : int
        Each is one projection and one back projection.
    seen : Tensor, optional
        `relative_sensitivity(model, x)`, when the caller has it already.

    Returns
    -------
    Tensor, (..., *image_shape)
        Voxels that no line sees have no data and take the value of m (at least 0).
    """
    seen = relative_sensitivity(model, x) if seen is None else seen
    s = model.sensitivity().to(x)
    visible = seen > 0
    inverse = torch.where(visible, 1 / s.clamp_min(torch.finfo(s.dtype).tiny), 0.0)
    b = beta_over_s / torch.where(visible, seen, 1.0)
    for _ in range(iterations):
        em = x * em_back_projection(y, model(x * scale), model) * inverse
        x = torch.where(visible, closed_form(em, m, b), m.clamp_min(0.0))
    return x
