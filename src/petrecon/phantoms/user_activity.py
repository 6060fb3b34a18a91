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
    """Read a 3D NIfTI activity map in kBq/mL; raises `InputError` for anything that cannot be used."""
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
        kBq/mL, averaged over each voxel; 0 outside the body.

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
    index = []
    for d in range(3):
        n, step = (shape[d], size[d]) if d < len(shape) else (1, 1.0)
        index.append((np.arange(n) - (n - 1) / 2) * step + subject.centre_mm[d] - activity.origin[d] + 6.0)
    smooth = ndimage.gaussian_filter(values * (body > 0), [0.3 * s if s > 1 else 0.0 for s in (*size, 1.0)[:3]])
    image = ndimage.map_coordinates(smooth, np.stack(np.meshgrid(*index, indexing="ij")), order=1)
    image = torch.from_numpy(image.reshape(shape).astype(np.float32))
    return subject, torch.where(subject.labels > 0, image, 0.0)
