"""Visual prompts, as tokens for UNETR and as channels for CVT-GAN, each leaving the network as it was at start."""

from __future__ import annotations

import math
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from petrecon.peft.inserted import Inserted


def position_codes(count: int, width: int) -> Tensor:
    """Return the sinusoidal codes of tokens 0 … count - 1, (count, width). Source: Vaswani et al. 2017, §3.5."""
    place = torch.arange(count, dtype=torch.float64)[:, None]
    pair = torch.arange(width, dtype=torch.float64) // 2
    angle = place / 10000 ** (2 * pair / width)
    return torch.where(torch.arange(width) % 2 == 0, angle.sin(), angle.cos()).float()


def cosine_columns(width: int, count: int) -> Tensor:
    """Return the first `count` vectors of the orthonormal cosine basis of `width` numbers, (width, count)."""
    row = torch.arange(width, dtype=torch.float64)[:, None]
    column = torch.arange(count, dtype=torch.float64)
    basis = torch.cos(math.pi * (row + 0.5) * column / width) * math.sqrt(2 / width)
    basis[:, :1] /= math.sqrt(2)
    return basis.float()


class TokenPrompts(Inserted):
    """Attention that also attends to T learned prompts P (T × hidden), shared by all blocks.

    attention(x) + W_o · softmax(q(x) · k(E + P)ᵀ) · v(P), E fixed codes that tell the prompts apart, P = 0 at start:
    the values are zero, so the network is exactly itself, while P receives gradient from the first step.

    Deviation: Jia et al. 2022 (VPT) put random tokens into the sequence, where they take part in one softmax with the
    image's tokens and cannot be neutral. Here prompts have a softmax of their own, added to that of the image, and the
    same number of parameters, T · hidden.
    """

    def __init__(self, base: nn.Module, prompts: nn.Parameter) -> None:
        super().__init__(base)
        self.prompts = prompts
        codes = position_codes(*prompts.shape)
        self.register_buffer("codes", codes, persistent=False)
        self.codes: Tensor

    def forward(self, x: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        """Return attended tokens, (batch, tokens, hidden)."""
        attention: Any = self.base
        y: Tensor = attention(x, attn_mask=attn_mask)
        q = attention.input_rearrange(attention.to_q(x))
        k = attention.input_rearrange(attention.to_k(self.codes + self.prompts)[None]).expand(len(x), -1, -1, -1)
        v = attention.input_rearrange(attention.to_v(self.prompts)[None]).expand(len(x), -1, -1, -1)
        prompted = functional.scaled_dot_product_attention(q, k, v, scale=attention.scale)
        tokens: Tensor = attention.out_rearrange(prompted)
        return y + functional.linear(tokens, attention.out_proj.weight)


class ChannelPrompts(Inserted):
    """A layer norm whose output is joined by T learned volumes P (T, x, y, z), shared by the blocks of a stage.

    Joining T channels to C and passing both through a frozen layer [W, W·F] is W·(norm(h) + F·P): a learned bias that
    depends on the position in the patch. F (C × T) is fixed and orthonormal, P = 0 at start, so the network is exactly
    itself while P receives gradient from the first step; at another patch size P is interpolated.

    Deviation: the published code widens every layer of the stage with frozen random rows, which changes the norms,
    the scale of attention and the output at start, and stores the random rows. The parameters are the same, P.
    """

    def __init__(self, base: nn.LayerNorm, prompts: nn.Parameter) -> None:
        super().__init__(base)
        self.prompts = prompts
        columns = cosine_columns(base.normalized_shape[0], len(prompts))
        self.register_buffer("columns", columns, persistent=False)
        self.columns: Tensor

    def forward(self, tokens: Tensor) -> Tensor:
        """Return normalised tokens with their prompts, (batch, x, y, z, channels)."""
        volumes: Tensor = self.prompts
        if volumes.shape[1:] != tokens.shape[1:4]:
            volumes = functional.interpolate(volumes[None], size=tokens.shape[1:4], mode="trilinear")[0]
        normalised: Tensor = self.base(tokens)
        return normalised + rearrange(volumes, "t x y z -> x y z t") @ self.columns.T
