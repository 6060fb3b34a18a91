"""Penalties on images: value, gradient, and the curvature of a separable majoriser.

Each is `strength · Σ …` over neighbouring voxels, with w = 1 / distance weights relative to the nearest neighbour.
`curvature(x)` is the diagonal d of a quadratic that lies above the penalty and touches it at x (De Pierro 1995):
R(z) <= R(x) + <∇R(x), z - x> + ½ Σ d (z - x)². Where `exact_majoriser` is false d is only a first guess and the
caller has to check that the objective fell.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from types import EllipsisType
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from petrecon.errors import ParameterError, did_you_mean


class Penalty(Protocol):
    """What `map_em` asks of a penalty. Images are (..., *image_shape) with `dims` trailing image axes."""

    exact_majoriser: ClassVar[bool]

    def value(self, x: Tensor) -> Tensor:
        """Return the penalty of each image, shape (...), float64."""
        ...

    def gradient(self, x: Tensor) -> Tensor:
        """Return ∂R/∂x, shape of x."""
        ...

    def curvature(self, x: Tensor) -> Tensor:
        """Return the majoriser's diagonal at x, shape of x."""
        ...


Index = tuple[EllipsisType | slice, ...]


def _pairs(dims: int, full: bool) -> Iterator[tuple[Index, Index, float]]:
    """Yield (slices of the first voxel, slices of its neighbour, weight), each unordered pair once."""
    for offset in product((-1, 0, 1), repeat=dims):
        steps = sum(o != 0 for o in offset)
        if steps == 0 or offset < tuple(-o for o in offset) or (steps > 1 and not full):
            continue
        first = tuple(slice(None, -1) if o > 0 else slice(1, None) if o < 0 else slice(None) for o in offset)
        other = tuple(slice(1, None) if o > 0 else slice(None, -1) if o < 0 else slice(None) for o in offset)
        yield (..., *first), (..., *other), 1 / math.sqrt(steps)


LARGEST = 1e9
"""Of a strength or shape parameter: far beyond what leaves an image flat, and safely within single precision."""


def check_parameters(**values: float) -> None:
    """Refuse a strength or shape parameter that is negative, not finite or absurdly large."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
            raise ParameterError(f"the {name} of a penalty is a finite number >= 0, got {value!r}")
        if value > LARGEST:
            raise ParameterError(
                f"the {name} of a penalty is at most {LARGEST:g}, got {value:g}: far less makes the image flat already"
            )


@dataclass(frozen=True)
class Quadratic:
    """Quadratic smoothing, R(x) = strength · Σ_pairs w ½ (x_j - x_k)²; strength in (kBq/mL)^-2."""

    strength: float
    dims: int = 2
    full_neighbourhood: bool = False
    exact_majoriser: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the strength."""
        check_parameters(strength=self.strength)

    def value(self, x: Tensor) -> Tensor:
        """Return R per image."""
        total = torch.zeros(x.shape[: -self.dims], dtype=torch.float64, device=x.device)
        for j, k, w in _pairs(self.dims, self.full_neighbourhood):
            total = total + 0.5 * w * ((x[j] - x[k]).double() ** 2).sum(tuple(range(-self.dims, 0)))
        return self.strength * total

    def gradient(self, x: Tensor) -> Tensor:
        """Return ∂R/∂x."""
        g = torch.zeros_like(x)
        for j, k, w in _pairs(self.dims, self.full_neighbourhood):
            slope = w * (x[j] - x[k])
            g[j] += slope
            g[k] -= slope
        return self.strength * g

    def curvature(self, x: Tensor) -> Tensor:
        """Return 2 Σ_pairs w per voxel: De Pierro's separation doubles the second derivative."""
        d = torch.zeros_like(x)
        for j, k, w in _pairs(self.dims, self.full_neighbourhood):
            d[j] += 2 * w
            d[k] += 2 * w
        return self.strength * d


@dataclass(frozen=True)
class RelativeDifference:
    """Relative-difference penalty, R = strength · Σ_pairs w d² / (x_j + x_k + gamma |d| + epsilon), d = x_j - x_k.

    Smooths flat regions in proportion to their activity and spares edges; strength in mL/kBq, gamma dimensionless
    (2 is usual), epsilon in kBq/mL keeps it differentiable at zero. Source: Nuyts et al. 2002, eq. 8.
    """

    strength: float
    dims: int = 2
    gamma: float = 2.0
    epsilon: float = 1e-3
    full_neighbourhood: bool = True
    exact_majoriser: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check strength, gamma and epsilon."""
        check_parameters(strength=self.strength, gamma=self.gamma, epsilon=self.epsilon)

    def _terms(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        return a - b, a + b + self.gamma * (a - b).abs() + self.epsilon

    def value(self, x: Tensor) -> Tensor:
        """Return R per image."""
        total = torch.zeros(x.shape[: -self.dims], dtype=torch.float64, device=x.device)
        for j, k, w in _pairs(self.dims, self.full_neighbourhood):
            diff, size = self._terms(x[j].double(), x[k].double())
            total = total + w * (diff**2 / size).sum(tuple(range(-self.dims, 0)))
        return self.strength * total

    def gradient(self, x: Tensor) -> Tensor:
        """Return ∂R/∂x."""
        g = torch.zeros_like(x)
        for j, k, w in _pairs(self.dims, self.full_neighbourhood):
            diff, size = self._terms(x[j], x[k])
            ratio = diff / size
            bend = self.gamma * ratio * ratio * diff.sign()
            g[j] += w * (2 * ratio - ratio * ratio - bend)
            g[k] -= w * (2 * ratio + ratio * ratio - bend)
        return self.strength * g

    def curvature(self, x: Tensor) -> Tensor:
        """Return twice the second derivative at x: a first guess, to be checked by the caller."""
        d = torch.zeros_like(x)
        for j, k, w in _pairs(self.dims, self.full_neighbourhood):
            _, size = self._terms(x[j], x[k])
            d[j] += 4 * w * (2 * x[k] + self.epsilon) ** 2 / size**3
            d[k] += 4 * w * (2 * x[j] + self.epsilon) ** 2 / size**3
        return self.strength * d


@dataclass(frozen=True)
class SmoothedTV:
    """Smoothed total variation, R = strength · Σ_n sqrt(|(Dx)_n|² + epsilon²), D = forward differences.

    Zero difference past the last row and column; strength in mL/kBq, epsilon in kBq/mL.
    Source: Chazottes et al. 2024, eq. 1; majoriser by half-quadratic weights.
    """

    strength: float
    dims: int = 2
    epsilon: float = 0.1
    exact_majoriser: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check strength and epsilon; epsilon = 0 has no gradient where the image is flat."""
        check_parameters(strength=self.strength, epsilon=self.epsilon)
        if self.epsilon == 0:
            raise ParameterError(
                "the epsilon of smoothed total variation is above 0: at 0 flat images have no gradient"
            )

    def _differences(self, x: Tensor) -> list[Tensor]:
        parts = []
        for axis in range(-self.dims, 0):
            last = x.narrow(axis, x.shape[axis] - 1, 1)
            parts.append(torch.diff(x, dim=axis, append=last))
        return parts

    def _length(self, parts: list[Tensor]) -> Tensor:
        return torch.sqrt(sum((p * p for p in parts), torch.zeros_like(parts[0])) + self.epsilon**2)

    def value(self, x: Tensor) -> Tensor:
        """Return R per image."""
        length = self._length(self._differences(x.double()))
        return self.strength * length.sum(tuple(range(-self.dims, 0)))

    def gradient(self, x: Tensor) -> Tensor:
        """Return ∂R/∂x = strength · Dᵀ(Dx / length)."""
        parts = self._differences(x)
        length = self._length(parts)
        g = torch.zeros_like(x)
        for axis, part in zip(range(-self.dims, 0), parts, strict=True):
            flow = part / length
            g -= flow
            g.narrow(axis, 1, x.shape[axis] - 1).add_(flow.narrow(axis, 0, x.shape[axis] - 1))
        return self.strength * g

    def curvature(self, x: Tensor) -> Tensor:
        """Return 2 Σ_edges 1/length: half-quadratic weights, each edge separated as in De Pierro."""
        weight = 1 / self._length(self._differences(x))
        d = torch.zeros_like(x)
        for axis in range(-self.dims, 0):
            inner = weight.narrow(axis, 0, x.shape[axis] - 1)
            d.narrow(axis, 0, x.shape[axis] - 1).add_(2 * inner)
            d.narrow(axis, 1, x.shape[axis] - 1).add_(2 * inner)
        return self.strength * d


PENALTIES: dict[str, type[Quadratic] | type[RelativeDifference] | type[SmoothedTV]] = {
    "quadratic": Quadratic,
    "rdp": RelativeDifference,
    "tv": SmoothedTV,
}


def penalty_by_name(name: str, strength: float, dims: int = 2) -> Penalty:
    """Return the penalty called 'quadratic', 'rdp' or 'tv'.

    Raises
    ------
    ParameterError
        For another name, or a strength that is negative or not finite.
    """
    if name not in PENALTIES:
        raise ParameterError(f"there is no penalty {name!r}.{did_you_mean(name, PENALTIES)}")
    return PENALTIES[name](strength, dims)
