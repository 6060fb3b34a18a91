"""Deep image prior: an untrained network, fitted to one sinogram and stopped early."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from petrecon.ddip.adapter import SliceAdapter
from petrecon.ddip.checks import check_fit, checked_mr, checked_scale
from petrecon.ddip.measurement import Measurement
from petrecon.ddip.noise import UnitNoise
from petrecon.ddip.scale import measured_scale
from petrecon.ddip.settings import DDIPSettings
from petrecon.errors import PetreconError
from petrecon.models.monai_import import light_monai
from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct.progress import Callback, counted, ends


@dataclass(frozen=True, eq=False)
class DIPResult:
    """A deep-image-prior reconstruction.

    Attributes
    ----------
    image : Tensor, (*lead, X, Y)
        Activity after the last iteration, kBq/mL.
    nll : Tensor, (iterations, B), float64
        Negative log-likelihood before each iteration.
    """

    image: Tensor
    nll: Tensor


class _Generator(nn.Module):
    """A small U-Net from MR to activity in units of the scale; positive by construction."""

    def __init__(self, features: tuple[int, ...]) -> None:
        super().__init__()
        with light_monai():
            from monai.networks.nets.basic_unet import BasicUNet

        self.net = BasicUNet(
            spatial_dims=2, in_channels=1, out_channels=1, features=features, norm=("instance", {"affine": True})
        )

    def forward(self, _x: Tensor, _t: Tensor, mr: Tensor) -> Tensor:
        """Return (B, 1, X, Y) >= 0."""
        return nn.functional.softplus(self.net(mr), beta=10.0)


def dip(
    y: Tensor,
    model: AcquisitionModel,
    mr: Tensor | None,
    iterations: int,
    seed: int = 0,
    *,
    learning_rate: float = 1e-2,
    features: tuple[int, ...] = (16, 16, 32, 64, 128, 16),
    scale: Tensor | float | None = None,
    callback: Callback | None = None,
    progress: bool = False,
) -> DIPResult:
    r"""Fit an untrained network to the counts: :math:`\max_\theta L(y \mid A\,\sigma f_\theta(z) + b)`.

    The structure of the network is the only prior. It learns smooth and MR-like images before it learns noise, so the
    number of iterations regularises, and has to be chosen as carefully as a penalty's strength.

    Parameters
    ----------
    y : Tensor, (*lead, *sinogram_shape)
        Prompt counts; each slice has a network of its own.
    model : AcquisitionModel
    mr : Tensor, (X, Y) or (*lead, X, Y), or None
        Input of the network; None puts in fixed noise, as in the first deep image prior.
    iterations : int
        Adam steps, each one forward and backward pass through network and projector.
    seed : int
        Draws the weights (alike for all slices) and the noise.
    learning_rate : float
    features : tuple of int
        Channels of MONAI's BasicUNet; image sides must be divisible by 16.
    scale, callback, progress
        As in `ddip`; the callback sees the image before each iteration, and returns True to end with it.

    Returns
    -------
    DIPResult

    Raises
    ------
    InputError
        For data that cannot be used, as `ddip`.
    PetreconError
        If the loss stops being finite; the iteration is named.

    Notes
    -----
    Source: Gong et al. 2019 (MR as input, Poisson likelihood); optimised by Adam on the likelihood itself where they
    split it (ADMM): the projector's exact derivative makes that unnecessary. Ulyanov et al. 2018.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _Generator(features)
    check_fit(y, model, divisor=16)
    settings = replace(DDIPSettings(), adapt="full", data="poisson", learning_rate=learning_rate, weight_decay=0.0)
    if scale is None:
        scale = measured_scale(y.to(model.factors.device), model)
    measured = Measurement(y, model, checked_scale(scale, y, 1), 1)
    z = measured.to_network(checked_mr(torch.zeros(model.image_shape) if mr is None else mr, y, model).to(y.device))
    if mr is None:
        z = UnitNoise(seed, z).draw()
    adapter = SliceAdapter(network.to(y.device), settings, len(z), seed)
    history = []
    for k in counted(iterations, "DIP", progress):
        image = adapter.predict(z, 0, z)
        nll = measured.nll(image)
        if not bool(torch.isfinite(nll).all()):
            raise PetreconError(f"the deep image prior diverged at iteration {k}: lower learning_rate")
        if ends(callback, k - 1, measured.to_model(image.detach()) * measured.scale):
            break
        adapter.step(nll / measured.bins)
        history.append(nll.detach().cpu())
    with torch.no_grad():
        image = measured.to_model(adapter.predict(z, 0, z)) * measured.scale
    return DIPResult(image, torch.stack(history) if history else torch.empty(0, len(z), dtype=torch.float64))
