"""Widths of the scan-time-reduction networks: what it takes to build one again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from petrecon.errors import ParameterError

STRIDE = 16


def check_patch(patch: tuple[int, ...], name: str = "patch") -> None:
    """Refuse a patch that the networks cannot halve four times.

    Raises
    ------
    ParameterError
        If it does not have three axes, each a positive multiple of 16 voxels.
    """
    if len(patch) != 3 or any(n < STRIDE or n % STRIDE for n in patch):
        size = "x".join(str(n) for n in patch)
        raise ParameterError(f"{name} is {size}: give three axes, each a multiple of {STRIDE} voxels, e.g. 32x32x16")


@dataclass(frozen=True)
class UNETRSpec:
    """UNETR: a vision transformer of 12 blocks as encoder, convolutions as decoder.

    Attributes
    ----------
    patch : tuple of int
        Size of its input in voxels, multiples of 16 (one token per 16³ voxels).
    hidden, mlp : int
        Width of a token and of the hidden layer of its perceptron.
    heads : int
        Attention heads; divides `hidden`.
    feature : int
        Channels of the last decoder level.
    """

    patch: tuple[int, int, int] = (64, 64, 64)
    hidden: int = 768
    mlp: int = 3072
    heads: int = 12
    feature: int = 32

    architecture: ClassVar[str] = "unetr"

    def __post_init__(self) -> None:
        check_patch(self.patch)
        if min(self.hidden, self.mlp, self.heads, self.feature) < 1 or self.hidden % self.heads:
            raise ParameterError(f"hidden ({self.hidden}) must be a positive multiple of heads ({self.heads})")

    @classmethod
    def paper(cls) -> UNETRSpec:
        """Return the published widths (Kim et al. 2024; 101,670,049 parameters)."""
        return cls()

    @classmethod
    def small(cls) -> UNETRSpec:
        """Return widths for a laptop."""
        return cls(patch=(32, 32, 16), hidden=96, mlp=384, heads=4, feature=8)


@dataclass(frozen=True)
class CVTGANSpec:
    """3D CVT-GAN: convolution embeddings with transformer blocks on both sides of a U-Net.

    Attributes
    ----------
    patch : tuple of int
        Size of a training patch in voxels, multiples of 16. The generator takes any such size; this one is the size of
        channel prompts.
    channels : int
        Channels of the first level; the others have 2, 4 and 8 times as many.
    depths, heads : tuple of int
        Transformer blocks and attention heads of the stages encoder 1-3 and decoder 1-2.
    dropout : float
        In the second encoder and second decoder stage of the generator.
    discriminator_channels : int
        Channels of the discriminator's first level.
    """

    patch: tuple[int, int, int] = (64, 64, 64)
    channels: int = 64
    depths: tuple[int, int, int, int, int] = (1, 2, 2, 2, 1)
    heads: tuple[int, int, int, int, int] = (2, 4, 4, 4, 4)
    dropout: float = 0.2
    discriminator_channels: int = 8

    architecture: ClassVar[str] = "cvt-gan"

    def __post_init__(self) -> None:
        check_patch(self.patch)
        if self.channels < 2 or self.channels % 2 or self.discriminator_channels < 1:
            raise ParameterError(f"channels ({self.channels}) must be even, discriminator_channels at least 1")
        if len(self.depths) != 5 or len(self.heads) != 5 or min(self.depths + self.heads) < 1:
            raise ParameterError("depths and heads need five positive numbers: encoder 1-3, decoder 1-2")
        for width, heads in zip(self.widths, self.heads, strict=True):
            if width % heads:
                raise ParameterError(f"a stage of {width} channels cannot have {heads} heads: change channels or heads")

    @property
    def widths(self) -> tuple[int, int, int, int, int]:
        """Channels of the stages encoder 1-3 and decoder 1-2."""
        c = self.channels
        return (2 * c, 4 * c, 8 * c, 4 * c, 2 * c)

    @classmethod
    def paper(cls) -> CVTGANSpec:
        """Return the published widths (Kim et al. 2024; generator 28,715,681, discriminator 295,001 parameters)."""
        return cls()

    @classmethod
    def small(cls) -> CVTGANSpec:
        """Return widths for a laptop."""
        return cls(patch=(32, 32, 16), channels=8, discriminator_channels=4)
