"""The forward model of a PET exam: expected counts from an activity image."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch

from petrecon.errors import InputError
from petrecon.projectors.elementary import Diagonal, GaussianResolution
from petrecon.projectors.geometry import check_subsets
from petrecon.projectors.interleaved import InterleavedProjector
from petrecon.projectors.operator import LinearOperator
from petrecon.projectors.projector import Projector, make_projector

Values = torch.Tensor | float


def attenuation_factors(projector: LinearOperator, mu_per_mm: torch.Tensor) -> torch.Tensor:
    r"""Return the attenuation factors :math:`L = \exp(-P\mu)` of every line, (..., *sinogram_shape).

    Parameters
    ----------
    projector : LinearOperator
        Line integrals in mm.
    mu_per_mm : tensor, (..., *image_shape)
        Linear attenuation coefficients at 511 keV [1/mm]; water is 0.0096.

    Returns
    -------
    tensor, (..., *sinogram_shape)
        Fractions in (0, 1]: of the photon pairs along a line, how many come through.

    Raises
    ------
    InputError
        For negative or non-finite values, or values too large to be in 1/mm.

    Examples
    --------
    Ten centimetres of water let four pairs in ten through:

    >>> import torch
    >>> from petrecon.projectors import attenuation_factors, load_scanner, make_projector
    >>> geometry = load_scanner("biograph-mmr").geometry("quick", image_shape=(20, 20), voxel_size=(10.0, 10.0))
    >>> water = torch.zeros(20, 20)
    >>> water[5:15, 5:15] = 0.0096
    >>> factors = attenuation_factors(make_projector(geometry), water)
    >>> factors.shape, round(float(factors[29, 0]), 2)
    (torch.Size([59, 112]), 0.38)
    """
    if mu_per_mm.is_complex() or not bool(torch.isfinite(mu_per_mm).all()) or bool((mu_per_mm < 0).any()):
        raise InputError("the attenuation map has negative or non-finite values: give real coefficients >= 0 in 1/mm")
    if mu_per_mm.numel() and float(mu_per_mm.max()) > 0.05:
        raise InputError(
            f"the attenuation map reaches {float(mu_per_mm.max()):.3g} per mm, more than bone (0.017): "
            "give it in 1/mm (divide 1/cm by 10)"
        )
    return torch.exp(-projector(mu_per_mm))


class AcquisitionModel:
    r"""Expected counts :math:`\bar y = c\,N\,L\,P\,G\,x + b` of an activity image.

    Every sinogram here is counts; x is activity [kBq/mL] on a grid in mm.

    Parameters
    ----------
    projector : LinearOperator
        P, line integrals [mm].
    attenuation, normalisation : tensor, optional
        L and N, factors of each line, broadcastable to ``(..., *sinogram_shape)``.
    resolution : LinearOperator, optional
        G, from image to image.
    scale : float or tensor
        c, counts per (kBq/mL · mm): dose, frame duration and decay. A tensor has the shape of the leading
        axes (one value per frame, say).
    background : tensor or float, optional
        b, expected randoms plus scatter [counts], broadcastable to ``(..., *sinogram_shape)``.

    Attributes
    ----------
    linear : LinearOperator
        :math:`c\,N\,L\,P\,G`.
    factors : tensor, (..., *sinogram_shape)
        c · N · L, what multiplies every line integral.
    background : tensor, (..., *sinogram_shape)

    Raises
    ------
    InputError
        For shapes or voxel sizes that do not fit, values that are negative, complex or not finite, or attenuation
        factors above 1; the message names the argument.

    Examples
    --------
    Expected counts of an activity of 10 kBq/mL in water, with one random count in every line:

    >>> import torch
    >>> from petrecon.projectors import AcquisitionModel, attenuation_factors, load_scanner, make_projector
    >>> geometry = load_scanner("biograph-mmr").geometry("quick", image_shape=(20, 20), voxel_size=(10.0, 10.0))
    >>> project, disc = make_projector(geometry), torch.zeros(20, 20)
    >>> disc[5:15, 5:15] = 1.0
    >>> factors = attenuation_factors(project, 0.0096 * disc)
    >>> model = AcquisitionModel(project, attenuation=factors, scale=0.1, background=1.0)
    >>> expected = model(10.0 * disc)
    >>> expected.shape, round(float(expected[29, 0]))
    (torch.Size([59, 112]), 39)
    >>> model.sensitivity().shape
    torch.Size([20, 20])
    """

    def __init__(
        self,
        projector: Projector,
        *,
        attenuation: Values | None = None,
        normalisation: Values | None = None,
        resolution: LinearOperator | None = None,
        scale: Values = 1.0,
        background: Values | None = None,
    ) -> None:
        shape = projector.out_shape
        self.projector = projector
        self.image_shape, self.sinogram_shape = projector.in_shape, shape
        self.attenuation = None if attenuation is None else _survivors(_expanded("attenuation", attenuation, projector))
        self.normalisation = None if normalisation is None else _expanded("normalisation", normalisation, projector)
        self.resolution = _same_voxels(resolution, projector)
        self.scale = _non_negative("scale", torch.as_tensor(scale, dtype=_dtype(scale, projector.dtype)))
        self.background = _expanded("background", 0.0 if background is None else background, projector)
        factors = self.scale.reshape(*self.scale.shape, *(1,) * len(shape))
        for factor in (self.attenuation, self.normalisation):
            if factor is not None:
                factors = factors * factor.to(factors.device)
        self.factors = factors
        geometric = projector if resolution is None else projector @ resolution
        self._factors = Diagonal(factors, shape)
        self.linear: LinearOperator = self._factors @ geometric

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return the expected counts (..., *sinogram_shape) of an activity image [kBq/mL]."""
        return self.linear(x) + self.background.to(dtype=x.dtype, device=x.device)

    def sensitivity(self) -> torch.Tensor:
        """Return the sensitivity image: the adjoint applied to ones, [counts per kBq/mL], computed once."""
        return self._sensitivity

    @cached_property
    def _sensitivity(self) -> torch.Tensor:
        like = self._factors.values
        ones = torch.ones(*self._factors.lead, *self.sinogram_shape, dtype=self.projector.dtype, device=like.device)
        return self.linear.adjoint(ones).detach()

    def changed(self, projector: Projector | None = None, **parts: Any) -> AcquisitionModel:
        """Return this model with other parts, named as when it is made (``resolution=None`` takes one out)."""
        names = ("attenuation", "normalisation", "resolution", "scale", "background")
        own = {name: getattr(self, name) for name in names}
        return AcquisitionModel(self.projector if projector is None else projector, **{**own, **parts})

    def to(self, dtype: torch.dtype) -> AcquisitionModel:
        """Return the same model in another precision (this one if it is in it already)."""
        if dtype == self.projector.dtype:
            return self
        geometry, backend = self.projector.geometry, self.projector.backend
        return self.changed(
            make_projector(geometry, backend, dtype, memory_budget=np.inf),
            attenuation=None if self.attenuation is None else self.attenuation.to(dtype),
            normalisation=None if self.normalisation is None else self.normalisation.to(dtype),
            scale=self.scale.to(dtype),
            background=self.background.to(dtype),
        )

    def split(self, y: torch.Tensor, n: int) -> list[torch.Tensor]:
        """Split a sinogram (..., *sinogram_shape) into the interleaved views of `n` subsets."""
        check_subsets(n, self.sinogram_shape[1])
        if tuple(y.shape[y.ndim - len(self.sinogram_shape) :]) != self.sinogram_shape:
            raise InputError(f"a sinogram of shape {tuple(y.shape)} does not end in {self.sinogram_shape}")
        return [_views(y, i, n, self.sinogram_shape) for i in range(n)]

    def subset_projectors(self, n: int) -> list[Projector]:
        """Return the projectors of the interleaved views of `n` subsets, kept with the projector for the next call."""
        own = self.projector
        if isinstance(own, InterleavedProjector) and n == len(own.parts):
            return list(own.parts)
        kept: dict[int, list[Projector]] = own.__dict__.setdefault("_subsets", {})
        if type(n) is not int or n not in kept:
            parts = own.geometry.subsets(n)
            kept.clear()  # one division at a time: a division takes as much memory as the projector
            kept[n] = [make_projector(g, own.backend, own.dtype, memory_budget=np.inf) for g in parts]
        return list(kept[n])

    def subset_models(self, n: int) -> list[AcquisitionModel]:
        """Return `n` models of interleaved views (same backend), in the order of `split`.

        Raises
        ------
        InputError
            If `n` does not divide the number of views.
        """
        shape = self.sinogram_shape
        return [
            self.changed(
                part,
                attenuation=_optional_views(self.attenuation, i, n, shape),
                normalisation=_optional_views(self.normalisation, i, n, shape),
                background=_views(self.background, i, n, shape),
            )
            for i, part in enumerate(self.subset_projectors(n))
        ]


def _views(y: torch.Tensor, i: int, n: int, shape: tuple[int, ...]) -> torch.Tensor:
    return y[..., i::n] if len(shape) == 2 else y[..., i::n, :]


def _optional_views(y: torch.Tensor | None, i: int, n: int, shape: tuple[int, ...]) -> torch.Tensor | None:
    return None if y is None else _views(y, i, n, shape)


def _dtype(value: Values, default: torch.dtype) -> torch.dtype:
    return value.dtype if isinstance(value, torch.Tensor) and value.is_floating_point() else default


def _same_voxels(resolution: LinearOperator | None, projector: Projector) -> LinearOperator | None:
    """Refuse a resolution that was made for voxels of another size than the projector's: it would blur wrongly."""
    if isinstance(resolution, GaussianResolution):
        own, other = projector.geometry.voxel_size, resolution.voxel_size
        if len(own) != len(other) or not np.allclose(own, other, rtol=1e-5, atol=0):
            raise InputError(f"the resolution is for voxels of {other} mm, the projector has {own}: give it the same")
    return resolution


def _survivors(factors: torch.Tensor) -> torch.Tensor:
    """Refuse attenuation factors above 1: they are fractions of photon pairs that come through."""
    largest = float(factors.max()) if factors.numel() else 0.0
    if largest > 1 + 1e-5:
        raise InputError(
            f"attenuation reaches {largest:.4g}, and no line lets more through than enters: give factors exp(-∫µ) in "
            "[0, 1], not correction factors (take 1 / value)"
        )
    return factors


def _non_negative(name: str, value: torch.Tensor) -> torch.Tensor:
    if not bool(torch.isfinite(value).all()) or bool((value < 0).any()):
        raise InputError(f"{name} has negative or non-finite values: give finite values >= 0")
    return value


def _expanded(name: str, value: Values, projector: Projector) -> torch.Tensor:
    """Check a quantity of every line and expand it to (..., *sinogram_shape)."""
    shape = projector.out_shape
    if isinstance(value, torch.Tensor) and value.is_complex():
        raise InputError(f"{name} is complex: give real numbers ({name}.real)")
    tensor = _non_negative(name, torch.as_tensor(value, dtype=_dtype(value, projector.dtype)))
    lead = tensor.shape[: max(0, tensor.ndim - len(shape))]
    try:
        return tensor.expand(*lead, *shape)
    except RuntimeError:
        raise InputError(
            f"{name} has shape {tuple(tensor.shape)} where (..., {', '.join(map(str, shape))}) is needed"
        ) from None
