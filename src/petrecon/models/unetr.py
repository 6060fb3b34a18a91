"""UNETR from MONAI, with separate query, key and value layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from petrecon.errors import InputError
from petrecon.models.monai_import import light_monai
from petrecon.models.specs import STRIDE, UNETRSpec

POSITIONS = "vit.patch_embedding.position_embeddings"


def unetr(spec: UNETRSpec) -> nn.Module:
    """Return a UNETR that maps a short scan to a long one, both (batch, 1, *spec.patch).

    MONAI's network with two changes: each block's fused qkv layer is replaced by `to_q`, `to_k`, `to_v` (the same
    number of weights, so that LoRA can adapt q and k alone), and the cross-attention norms, which MONAI builds and
    never calls, are removed. 101,670,049 parameters at the published widths. Source: Hatamizadeh et al. 2022; Kim et
    al. 2024.
    """
    with light_monai():
        from monai.networks.blocks.selfattention import SABlock
        from monai.networks.nets.unetr import UNETR

    network = UNETR(
        in_channels=1,
        out_channels=1,
        img_size=spec.patch,
        feature_size=spec.feature,
        hidden_size=spec.hidden,
        mlp_dim=spec.mlp,
        num_heads=spec.heads,
        norm_name="instance",
        res_block=True,
    )
    for block in network.vit.blocks:
        block.attn = SABlock(spec.hidden, spec.heads, use_combined_linear=False)
        block.norm_cross_attn = nn.Identity()
    network.spec = spec  # type: ignore[assignment]
    network.register_forward_pre_hook(_check_shape)
    return network


def _check_shape(network: nn.Module, arguments: tuple[Any, ...]) -> None:
    spec: UNETRSpec = network.spec  # type: ignore[assignment]
    x: Tensor = arguments[0]
    if x.dim() != 5 or tuple(x.shape[1:]) != (1, *spec.patch):
        raise InputError(f"this UNETR got shape {tuple(x.shape)}: give (batch, 1, {', '.join(map(str, spec.patch))})")


def interpolate_positions(positions: Tensor, patch: tuple[int, ...], new_patch: tuple[int, ...]) -> Tensor:
    """Return position embeddings for another patch size by trilinear interpolation over the grid of tokens.

    Parameters
    ----------
    positions : Tensor, shape (1, tokens, hidden)
    patch, new_patch : tuple of int
        Old and new input size in voxels; tokens = product of (axis / 16).

    Returns
    -------
    Tensor, shape (1, new tokens, hidden)
    """
    grid, new_grid = [tuple(n // STRIDE for n in size) for size in (patch, new_patch)]
    volume = positions.detach().transpose(1, 2).reshape(1, -1, *grid)
    moved = functional.interpolate(volume, size=new_grid, mode="trilinear", align_corners=False)
    return moved.flatten(2).transpose(1, 2).contiguous()


def with_patch(network: nn.Module, patch: tuple[int, int, int]) -> nn.Module:
    """Return a copy of a UNETR for another patch size: the same weights, interpolated position embeddings.

    Parameters
    ----------
    network : module
        From `build` with a `UNETRSpec`; not changed.
    patch : tuple of int
        Size of the new input in voxels.

    Returns
    -------
    module
        (batch, 1, *patch) → (batch, 1, *patch).

    Raises
    ------
    ParameterError
        If the patch is not three multiples of 16.
    InputError
        If modules were inserted into the network.
    """
    spec: UNETRSpec = network.spec  # type: ignore[assignment]
    state = dict(network.state_dict())
    state[POSITIONS] = interpolate_positions(state[POSITIONS], spec.patch, patch)
    with torch.random.fork_rng(devices=[]):
        other = unetr(replace(spec, patch=patch))
    if state.keys() != other.state_dict().keys():
        raise InputError("this network has modules inserted: remove its recipe before changing the patch size")
    other.load_state_dict(state)
    return other.to(state[POSITIONS].device).train(network.training)
