"""A user's own activity map, read from NIfTI and placed on an image grid with a µ-map of its outline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from petrecon.errors import InputError
from petrecon.phantoms.anatomy import Anatomy
from petrecon.phantoms.regions import Region
from petrecon.phantoms.subjects import Subject, make_subject

OUTLINE = 0.05
"""The body is what lies above this fraction of the 99th percentile of activity, closed and filled."""


class ActivityMap(NamedTuple):
    """Activity at 1 mm in RAS axes.

    Attributes
    ----------
    values : (X, Y, Z) float32 array
        kBq/mL.
    origin : (3,) array
        World position of the first voxel, mm.
    path : str
    """

    values: NDArray[np.float32]
    origin: NDArray[np.float64]
    path: str


def load_activity(path: Path | str) -> ActivityMap:
    """Read a 3D NIfTI activity map in kBq/mL.

    Parameters
    ----------
    path : path
        A ``.nii`` or ``.nii.gz`` file.

    Raises
    ------
    InputError
        For anything that cannot be used; the message says what to do.
    """
    from petrecon.phantoms.nifti import read_activity, to_millimetre_grid

    data, affine = read_activity(path)
    values, origin = to_millimetre_grid(data, affine, order=1)
    return ActivityMap(values.astype(np.float32), origin, str(path))


def place_activity(
    activity: ActivityMap,
    *,
    image_shape: Sequence[int],
    voxel_size: Sequence[float] | float,
    dims: int = 2,
    slice_mm: float | None = None,
) -> tuple[Subject, Tensor]:
    """Put an activity map on an image grid.

    Parameters
    ----------
    activity : ActivityMap
    image_shape, voxel_size, dims
        As in `make_subject`.
    slice_mm : float, optional
        Height of the slice (2D) or of the middle of the axial field of view (3D) in the file's world, mm; by
        default the middle of the body.

    Returns
    -------
    subject : Subject
        The body's outline as one region of soft tissue, for the µ-map.
    activity : (*grid) float32 tensor
        kBq/mL, averaged over each voxel, so that the total activity is that of the body (of its slice in 2D).

    Raises
    ------
    InputError
        If the grid cuts the body; the message names the smallest field of view that fits.
    """
    from scipy import ndimage

    from petrecon.phantoms.head import ball_closing, crop

    values = np.pad(activity.values, 6)
    body = ball_closing(values > OUTLINE * np.percentile(values[values > 0], 99), 5.0)
    body = ndimage.binary_fill_holes(body)
    labels, first = crop(body.astype(np.int16))
    if labels.shape[2] < 5:
        raise InputError(
            f"{activity.path}: the body is only {labels.shape[2] - 4} mm high; give a volume, not one slice"
        )
    regions = {0: Region("air", "air"), 1: Region("body", "scalp")}
    shift = np.array(first) - 6.0
    outline = Anatomy(
        activity.path,
        labels,
        activity.origin + shift,
        (1.0, 1.0, 1.0),
        regions,
        activity.path,
        "the user's own",
    )
    height = float(outline.centre[2]) if slice_mm is None and dims == 2 else slice_mm
    subject = make_subject(
        outline, image_shape=image_shape, voxel_size=voxel_size, dims=dims, slice_mm=height, warp=False
    )
    shape, size = tuple(subject.labels.shape), subject.voxel_size
    image = (values * body).astype(np.float64)
    for d in range(3):
        centre = subject.centre_mm[d] - activity.origin[d] + 6.0
        share = _shares(image.shape[0], centre, shape[d], size[d]) if d < dims else _plane(image.shape[0], centre)
        image = np.moveaxis(np.tensordot(share, image, axes=1), 0, -1)
    image = image.reshape(shape)
    if dims == 3 and slice_mm is not None:
        image[:, :, [0, -1]] = 0.0
    for d in range(dims):
        if np.take(image, [0, -1], axis=d).any():
            raise InputError(
                f"{activity.path}: the body reaches into the outermost voxels of axis {'xyz'[d]}, which must be empty: "
                f"use {shape[d] + 2} voxels there"
            )
    return subject, torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))


def _shares(fine: int, centre: float, n: int, size: float) -> NDArray[np.float64]:
    """Return what share of each of `n` voxels of `size` mm about `centre` each of `fine` 1 mm voxels fills, (n, fine).

    `centre` is a position in the fine grid, whose voxel i reaches from i - 0.5 to i + 0.5.
    """
    edges = centre + (np.arange(n + 1) - n / 2) * size + 0.5
    low, high = edges[:-1, None], edges[1:, None]
    first = np.arange(fine)
    return np.clip(np.minimum(high, first + 1) - np.maximum(low, first), 0.0, None) / size


def _plane(fine: int, centre: float) -> NDArray[np.float64]:
    """Return the weights of linear interpolation at `centre`, (1, fine)."""
    return np.clip(1.0 - np.abs(np.arange(fine) - centre), 0.0, None)[None]
