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
        If it holds a value that is not finite or is complex: a metric of such an image means nothing.
    """
    plain: Any = image.detach().cpu().numpy() if hasattr(image, "detach") else image
    if np.iscomplexobj(plain):
        raise InputError(f"the {name} is complex: give real numbers")
    array = np.asarray(plain, dtype=np.float64)
    if not np.isfinite(array).all():
        raise InputError(f"the {name} holds NaN or infinite values: the reconstruction diverged or was masked with NaN")
    return array


def inside(mask: Image, shape: tuple[int, ...], name: str = "mask") -> NDArray[np.bool_]:
    """Return a mask as booleans.

    Raises
    ------
    InputError
        If it has another shape, holds other values than 0 and 1, or is empty.
    """
    array = as_array(mask, name)
    if array.shape != tuple(shape):
        raise InputError(f"the {name} has shape {array.shape}, the image {tuple(shape)}: bring it to the image's grid")
    if not np.isin(array, (0, 1)).all():
        raise InputError(f"the {name} holds other values than 0 and 1: give a condition such as labels == 3")
    if not array.any():
        raise InputError(f"the {name} is empty: it must hold at least one voxel")
    return array.astype(bool)


def pair(image: Image, reference: Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both as arrays of one shape.

    Raises
    ------
    InputError
        If the shapes differ, or there is not one voxel.
    """
    a, b = as_array(image), as_array(reference, "reference")
    if a.shape != b.shape:
        raise InputError(f"image {a.shape} and reference {b.shape} differ in shape: resample one to the other's grid")
    if a.size == 0:
        raise InputError(f"image and reference are empty, of shape {a.shape}")
    return a, b
