"""The conditional score network: noisy PET and MR slices in, predicted noise out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

from petrecon.errors import ParameterError, did_you_mean
from petrecon.models.monai_import import light_monai


@dataclass(frozen=True)
class ScoreSpec:
    """What a score network is made of.

    Attributes
    ----------
    slices : int
        Adjacent slices seen at once: 1, or 3 as in the released DDIP for PET.
    channels : tuple of int
        Width of each resolution level; every one a multiple of `groups`. The image is halved between levels.
    attention : tuple of bool
        Levels with self-attention (the middle block always has it).
    res_blocks : int
        Residual blocks per level.
    groups : int
        Groups of the group normalisation.
    """

    slices: int = 1
    channels: tuple[int, ...] = (24, 48, 96, 128)
    attention: tuple[bool, ...] = (False, False, False, False)
    res_blocks: int = 1
    groups: int = 8

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ScoreSpec:
        """Read a specification from a card.

        Raises
        ------
        ParameterError
            If a key is unknown or a value is out of range.
        """
        known = [f.name for f in fields(cls)]
        for key in values:
            if key not in known:
                raise ParameterError(f"a score network has no '{key}'.{did_you_mean(key, known)}")
        given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        spec = cls(**given)
        if spec.slices not in (1, 3) or spec.res_blocks < 1:
            raise ParameterError(f"a score network sees 1 or 3 slices with res_blocks ≥ 1, not {spec}")
        if len(spec.channels) != len(spec.attention) or any(c < 1 or c % spec.groups for c in spec.channels):
            raise ParameterError(
                f"channels {spec.channels} must be multiples of groups = {spec.groups}, one attention flag each"
            )
        return spec

    @property
    def divisor(self) -> int:
        """Image sides must be multiples of this."""
        return int(2 ** (len(self.channels) - 1))


class ScoreNetwork(nn.Module):
    """ε_θ(x_t, t, z): MONAI's diffusion U-Net with the MR concatenated as further channels.

    Parameters
    ----------
    spec : ScoreSpec

    Notes
    -----
    The released network of Hashimoto and Gong has 126 million parameters and predicts a variance as well; this one
    predicts the noise only. An MR of zeros means "no MR": training drops it at random, as in classifier-free guidance.

    Examples
    --------
    >>> network = ScoreNetwork(ScoreSpec(channels=(8, 16), attention=(False, False)))
    >>> x_t, mr = torch.zeros(2, 1, 16, 20), torch.zeros(2, 1, 16, 20)
    >>> network(x_t, torch.tensor([10, 700]), mr).shape
    torch.Size([2, 1, 16, 20])
    """

    def __init__(self, spec: ScoreSpec) -> None:
        super().__init__()
        with light_monai():
            from monai.networks.nets.diffusion_model_unet import DiffusionModelUNet

        self.spec = spec
        self.net = DiffusionModelUNet(
            spatial_dims=2,
            in_channels=2 * spec.slices,
            out_channels=spec.slices,
            num_res_blocks=spec.res_blocks,
            channels=spec.channels,
            attention_levels=spec.attention,
            norm_num_groups=spec.groups,
            num_head_channels=spec.groups * 2,
        )

    def forward(self, x_t: Tensor, t: Tensor, mr: Tensor) -> Tensor:
        """Predict the noise.

        Parameters
        ----------
        x_t : (B, slices, X, Y) tensor
            Noisy PET, in units where the clean image lies in [0, 1].
        t : (B,) long tensor
            Noise levels.
        mr : (B, slices, X, Y) tensor
            MR in [0, 1]; zeros = none.

        Returns
        -------
        (B, slices, X, Y) tensor
        """
        predicted: Tensor = self.net(torch.cat([x_t, mr], dim=1), timesteps=t)
        return predicted
