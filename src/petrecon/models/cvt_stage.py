"""A stage of the convolutional vision transformer: (transposed) convolution embedding, then transformer blocks."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

MLP_RATIO = 4


class ConvAttention(nn.Module):
    """Multi-head attention whose queries, keys and values come from depthwise convolutions.

    Each of q, k, v is a depthwise 3³ convolution (no bias), BatchNorm and a linear map (no bias); keys and values are
    taken at every second voxel. Logits are scaled by C^-½, C the full width. Source: Wu et al. 2021 (CvT), §3.2,
    in three dimensions as in Zeng et al. 2022.
    """

    def __init__(self, channels: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        for name, stride in (("q", 1), ("k", 2), ("v", 2)):
            convolution = nn.Conv3d(channels, channels, 3, stride, 1, groups=channels, bias=False)
            setattr(self, f"conv_{name}", convolution)
            setattr(self, f"bn_{name}", nn.BatchNorm3d(channels))
            setattr(self, f"proj_{name}", nn.Linear(channels, channels, bias=False))
        self.proj = nn.Linear(channels, channels)
        self.drop = nn.Dropout(dropout)

    def _projected(self, x: Tensor, name: str) -> Tensor:
        x = getattr(self, f"bn_{name}")(getattr(self, f"conv_{name}")(x))
        tokens = getattr(self, f"proj_{name}")(rearrange(x, "b c x y z -> b (x y z) c"))
        heads: Tensor = rearrange(tokens, "b t (h d) -> b h t d", h=self.heads)
        return heads

    def forward(self, tokens: Tensor) -> Tensor:
        """Return attended tokens, (batch, x, y, z, channels) like the input."""
        shape = tokens.shape
        x = rearrange(tokens, "b x y z c -> b c x y z")
        q, k, v = (self._projected(x, name) for name in "qkv")
        attended = functional.scaled_dot_product_attention(q, k, v, scale=shape[-1] ** -0.5)
        mixed: Tensor = self.drop(self.proj(rearrange(attended, "b h t d -> b t (h d)")))
        return mixed.view(shape)


class Perceptron(nn.Module):
    """Two linear layers with GELU between them, applied to each token."""

    def __init__(self, channels: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, MLP_RATIO * channels)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(MLP_RATIO * channels, channels)
        self.drop = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        hidden = self.drop(self.act(self.fc1(tokens)))
        out: Tensor = self.drop(self.fc2(hidden))
        return out


class Block(nn.Module):
    """Transformer block: x + attention(norm1(x)), then + mlp(norm2(·)). No position embedding."""

    def __init__(self, channels: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn = ConvAttention(channels, heads, dropout)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = Perceptron(channels, dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens, (batch, x, y, z, channels) like the input."""
        tokens = tokens + self.attn(self.norm1(tokens))
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out


class Stage(nn.Module):
    """Embed to half (or, with `up`, twice) the resolution, normalise, and pass through `depth` blocks.

    Input (batch, in_channels, x, y, z), output (batch, channels, x/2, y/2, z/2) or (…, 2x, 2y, 2z).
    """

    def __init__(
        self, in_channels: int, channels: int, depth: int, heads: int, *, up: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.embed: nn.Module
        if up:
            self.embed = nn.ConvTranspose3d(in_channels, channels, 2, 2)
        else:
            self.embed = nn.Conv3d(in_channels, channels, 3, 2, 1)
        self.norm = nn.LayerNorm(channels)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(channels, heads, dropout) for _ in range(depth))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the stage's features, channels first."""
        tokens = self.drop(self.norm(rearrange(self.embed(x), "b c x y z -> b x y z c")))
        for block in self.blocks:
            tokens = block(tokens)
        out: Tensor = rearrange(tokens, "b x y z c -> b c x y z")
        return out
