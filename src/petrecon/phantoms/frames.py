"""Time frames of an exam, and how a radionuclide's decay shares the counts among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import ParameterError

F18_HALF_LIFE_S = 109.77 * 60
C11_HALF_LIFE_S = 20.36 * 60


@dataclass(frozen=True)
class Frames:
    """Consecutive frames.

    Attributes
    ----------
    durations_s : tuple of float
        Length of each frame, s.
    half_life_s : float
        Of the radionuclide, s; decay is counted from the first frame's start.
    """

    durations_s: tuple[float, ...]
    half_life_s: float = F18_HALF_LIFE_S

    def __post_init__(self) -> None:
        if not self.durations_s or not all(np.isfinite(d) and d > 0 for d in self.durations_s):
            raise ParameterError(f"frame durations {self.durations_s} must be numbers of seconds above 0")
        if not self.half_life_s > 0:
            raise ParameterError(f"half-life {self.half_life_s} s must be above 0")

    def __len__(self) -> int:
        return len(self.durations_s)

    @property
    def ends_s(self) -> NDArray[np.float64]:
        """End of each frame, s."""
        return np.cumsum(np.asarray(self.durations_s, dtype=np.float64))

    @property
    def starts_s(self) -> NDArray[np.float64]:
        """Start of each frame, s."""
        return self.ends_s - np.asarray(self.durations_s)

    def decay_integrals(self) -> NDArray[np.float64]:
        r"""Return :math:`\delta_t = \int_{frame} e^{-\lambda\tau} d\tau`, s."""
        rate = np.log(2) / self.half_life_s
        return np.exp(-rate * self.starts_s) * -np.expm1(-rate * np.asarray(self.durations_s)) / rate
