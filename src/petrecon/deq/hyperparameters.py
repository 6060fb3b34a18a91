"""The hyperparameters of a dynamic reconstruction, kept as logarithms so that any real number is valid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from petrecon.errors import ParameterError

EPSILON = 0.1
"""Default of epsilon, kBq/mL (Chazottes et al. 2024)."""


class Hyperparameters(NamedTuple):
    r"""Logarithms of :math:`\eta`, :math:`\lambda_t` and :math:`\epsilon`.

    Attributes
    ----------
    log_eta : Tensor, ()
        η > 0, strength of temporal smoothing [(kBq/mL)^-2].
    log_lambda : Tensor, (T,)
        λ_t > 0, strength of total variation in frame t [mL/kBq].
    log_epsilon : Tensor, ()
        ε > 0, the activity difference below which total variation is quadratic [kBq/mL].
    """

    log_eta: Tensor
    log_lambda: Tensor
    log_epsilon: Tensor

    @property
    def frames(self) -> int:
        """Number of frames T."""
        return len(self.log_lambda)

    def weights(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return η (), λ (T, 1, …, 1) and ε () in the dtype and on the device of images `like` (…, T, *image)."""
        eta, lam, epsilon = (torch.exp(p).to(like) for p in self)
        return eta, lam.reshape(-1, *(1,) * 2), epsilon

    def values(self) -> dict[str, float | list[float]]:
        """Return η, λ (list of T) and ε as plain numbers."""
        return {
            "eta": math.exp(float(self.log_eta)),
            "lambda": torch.exp(self.log_lambda.detach()).tolist(),
            "epsilon": math.exp(float(self.log_epsilon)),
        }


def hyperparameters(
    eta: float, lam: float | Sequence[float] | Tensor, epsilon: float = EPSILON, *, frames: int | None = None
) -> Hyperparameters:
    """Return hyperparameters from their values; one λ is shared by all `frames`.

    Parameters
    ----------
    eta : float
        [(kBq/mL)^-2]
    lam : float or sequence of float
        One, or one per frame [mL/kBq].
    epsilon : float
        [kBq/mL]
    frames : int, optional
        T; needed for one λ.

    Returns
    -------
    Hyperparameters

    Raises
    ------
    ParameterError
        For a value that is zero, negative or not finite, or a number of λ that is not that of the frames.
    """
    strengths = torch.as_tensor(lam, dtype=torch.float64).reshape(-1)
    if frames is not None and len(strengths) == 1:
        strengths = strengths.expand(frames).clone()
    if frames is not None and len(strengths) != frames:
        raise ParameterError(f"there are {len(strengths)} lambda for {frames} frames: give one, or {frames}")
    for name, value in (("eta", eta), ("epsilon", epsilon)):
        _check_positive(name, float(value))
    for t, value in enumerate(strengths.tolist()):
        _check_positive(f"lambda of frame {t}", value)
    eta_epsilon = torch.tensor([eta, epsilon], dtype=torch.float64).log()
    return Hyperparameters(eta_epsilon[0], strengths.log(), eta_epsilon[1])


def free_vector(count: int, frames: int, eta: float = 0.5, lam: float = 0.015, epsilon: float = EPSILON) -> Tensor:
    """Return the start of a search over `count` free logarithms, float64: see `expand`.

    Parameters
    ----------
    count : int
        2, T + 1 or T + 2.
    frames : int
        T.
    eta, lam, epsilon : float
        [(kBq/mL)^-2], [mL/kBq] and [kBq/mL].

    Returns
    -------
    Tensor, (count,)

    Raises
    ------
    ParameterError
        If `count` is not 2, T + 1 or T + 2, or a value is not positive.
    """
    _check_count(count, frames)
    for name, value in (("eta", eta), ("lambda", lam), ("epsilon", epsilon)):
        _check_positive(name, value)
    shared = 1 if count == 2 else frames
    logs = [math.log(eta), *[math.log(lam)] * shared, *[math.log(epsilon)] * (count == frames + 2)]
    return torch.tensor(logs, dtype=torch.float64)


def expand(free: Tensor, frames: int, epsilon: float = EPSILON) -> Hyperparameters:
    """Return the hyperparameters of a vector of free logarithms; differentiable.

    Parameters
    ----------
    free : Tensor, (n,)
        n = 2: log η and one log λ for all frames. n = T + 1 (21 in the paper): log η and log λ_t. n = T + 2: log ε
        as well.
    frames : int
        T.
    epsilon : float
        ε where it is not free [kBq/mL].

    Raises
    ------
    ParameterError
        For another length, or values that are not finite.
    """
    _check_count(len(free), frames)
    if not bool(torch.isfinite(free).all()):
        raise ParameterError("the logarithms of the hyperparameters are not finite: lower the learning rate")
    lam = free[1:2].expand(frames) if len(free) == 2 else free[1 : frames + 1]
    fixed = torch.tensor(math.log(epsilon), dtype=free.dtype, device=free.device)
    return Hyperparameters(free[0], lam, free[-1] if len(free) == frames + 2 else fixed)


def _check_positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ParameterError(f"{name} is {value:g}: a hyperparameter is a finite number above 0")


def _check_count(count: int, frames: int) -> None:
    if count not in (2, frames + 1, frames + 2):
        raise ParameterError(
            f"{count} hyperparameters for {frames} frames: choose 2 (eta, one lambda), {frames + 1} (eta, lambda "
            f"of each frame) or {frames + 2} (epsilon as well)"
        )
