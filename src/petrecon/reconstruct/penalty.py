"""What a penalty is: a value, a gradient, a product with the Hessian, and the curvature of a separable majoriser.

Each penalty is `strength · Σ …` over neighbouring voxels. `curvature(x)` is the diagonal d of a quadratic
that lies above the penalty and touches it at x (De Pierro 1995): R(z) <= R(x) + <∇R(x), z - x> + ½ Σ d (z -
x)². Where `exact_majoriser` is false d is only a first guess and the caller has to check that the objective
fell.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, Protocol

from torch import Tensor

from petrecon.errors import ParameterError

Product = Callable[[Tensor], Tensor]
"""v → H v, from images to images of the same shape."""


class Penalty(Protocol):
    """What `map_em` asks of a penalty R on images (..., *image_shape) in kBq/mL, batches of any shape.

    `Quadratic`, `RelativeDifference`, `SmoothedTV` and `Bowsher` are penalties; so is any class with these
    methods. Make one with its strength, as `Quadratic(0.1)`, or by name with `penalty_by_name`.

    Attributes
    ----------
    dims : int
        Number of trailing image axes.
    exact_majoriser : bool
        Whether the majoriser lies above R everywhere, and not only near x.
    """

    exact_majoriser: ClassVar[bool]

    @property
    def dims(self) -> int:
        """Number of trailing image axes."""
        ...

    def value(self, x: Tensor) -> Tensor:
        """Return R(x).

        Parameters
        ----------
        x : Tensor, (..., *image_shape)
            Activity [kBq/mL].

        Returns
        -------
        Tensor, (...), float64
            One number per image, in units of counts as the likelihood.
        """
        ...

    def gradient(self, x: Tensor) -> Tensor:
        """Return ∂R/∂x.

        Parameters
        ----------
        x : Tensor, (..., *image_shape)
            Activity [kBq/mL].

        Returns
        -------
        Tensor, (..., *image_shape)
        """
        ...

    def curvature(self, x: Tensor) -> Tensor:
        """Return the diagonal of a separable quadratic that majorises R at x.

        Parameters
        ----------
        x : Tensor, (..., *image_shape)
            Activity [kBq/mL].

        Returns
        -------
        Tensor, (..., *image_shape)
            d >= 0.
        """
        ...

    def hessian_product(self, x: Tensor) -> Product:
        """Return the product with the Hessian at x; what depends on x alone is computed once.

        Parameters
        ----------
        x : Tensor, (..., *image_shape)
            Activity [kBq/mL].

        Returns
        -------
        callable
            v → ∇²R(x) v, from (..., *image_shape) to the same shape.
        """
        ...


LARGEST = 1e9
"""Of a strength or shape parameter: far beyond what leaves an image flat, and safely within single precision."""


def check_parameters(**values: float | Tensor) -> None:
    """Refuse a strength or shape parameter that is negative, not finite or absurdly large.

    Parameters
    ----------
    **values : float or Tensor
        By name; a tensor, of any shape, is checked element by element.

    Raises
    ------
    ParameterError
        Naming the parameter and its value.
    """
    for name, value in values.items():
        for number in value.detach().flatten().tolist() if isinstance(value, Tensor) else [value]:
            _check_parameter(name, number)


def _check_parameter(name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ParameterError(f"the {name} of a penalty is a finite number >= 0, got {value!r}")
    if value > LARGEST:
        raise ParameterError(
            f"the {name} of a penalty is at most {LARGEST:g}, got {value:g}: far less makes the image flat already"
        )
