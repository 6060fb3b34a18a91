"""From tensors and arrays to checked float64 arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from petrecon.errors import InputError

if TYPE_CHECKING:  # a page without tensors does not wait for torch
    from torch import Tensor

Image: TypeAlias = "Tensor | ArrayLike"


def as_array(image: Image, name: str = "image") -> NDArray[np.float64]:
    """Return a float64 array.

    Raises
    ------
    InputError
        If it holds a value that is not finite: a metric of such an image means nothing.
    """
    plain: Any = image.detach().cpu().numpy() if hasattr(image, "detach") else image
    array = np.asarray(plain, dtype=np.float64)
    if not np.isfinite(array).all():
        raise InputError(f"the {name} holds NaN or infinite values: the reconstruction diverged or was masked with NaN")
    return array


def pair(image: Image, reference: Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both as arrays of one shape.

    Raises
    ------
    InputError
        If the shapes differ.
    """
    a, b = as_array(image), as_array(reference, "reference")
    if a.shape != b.shape:
        raise InputError(f"image {a.shape} and reference {b.shape} differ in shape: resample one to the other's grid")
    return a, b
