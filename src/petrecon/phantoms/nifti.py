"""Volumes from NIfTI files: label maps and activity maps, in RAS axes, with errors a user can act on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import InputError
from petrecon.paths import why_no_file

VOXEL_MM = (0.2, 10.0)
"""Voxel sizes a head can have, mm; outside, the header's unit is not mm."""

LABELS_MM, ACTIVITY_MM = 400.0, 600.0
"""The longest that the labels of a head, and the volume of an activity map, may be along any axis, mm."""


def read_canonical(path: Path | str) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Read a NIfTI volume and turn its axes to RAS (x to the Right, y to Anterior, z to Superior).

    Returns
    -------
    data : (X, Y, Z) array
        As stored, scaling applied.
    affine : (4, 4) array
        Voxel index → world, mm.

    Raises
    ------
    InputError
        If the file is missing, truncated or no NIfTI; if it is not 3D; if it holds colours or complex numbers; if its
        affine is singular, sheared or has voxel sizes outside `VOXEL_MM`; if a value is not finite.
    """
    import nibabel as nib

    path = Path(path)
    if why := why_no_file(path):
        raise InputError(f"{path}: {why}; give the path of a .nii or .nii.gz volume")
    try:
        image: Any = nib.load(path)
        data = np.asanyarray(image.dataobj)
    except Exception as problem:  # nibabel, gzip, zlib and the file system each raise their own kinds
        first = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
        raise InputError(f"{path}: not a readable NIfTI file ({first}); copy or export it again") from None
    _check_header(path, image.header)
    if data.dtype.fields is not None:
        raise InputError(f"{path}: holds colours (RGB), a volume holds one number per voxel; export the numbers")
    if np.iscomplexobj(data):
        raise InputError(f"{path}: holds complex numbers; save their magnitude (numpy.abs), or one real part, instead")
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        raise InputError(f"{path}: has {data.ndim} dimensions {data.shape}, a volume has 3; pick one frame first")
    affine = _checked_affine(path, image.affine)
    if not np.isfinite(data).all():
        raise InputError(f"{path}: holds NaN or infinite values; replace them (numpy.nan_to_num) and save again")
    if not data.any():
        raise InputError(f"{path}: every voxel is zero; check that the right file was exported")
    turn = nib.orientations.io_orientation(affine)
    data = nib.orientations.apply_orientation(data, turn)
    affine = affine @ nib.orientations.inv_ornt_aff(turn, image.shape[:3])
    return data, affine


def _check_header(path: Path, header: Any) -> None:
    """Refuse a header that leaves orientation or unit to guessing."""
    if not hasattr(header, "get_xyzt_units"):  # not NIfTI, but a format whose affine nibabel knows
        return
    if int(header["qform_code"]) == 0 and int(header["sform_code"]) == 0:
        raise InputError(f"{path}: has no orientation (qform and sform codes are 0); export it again with one")
    unit = header.get_xyzt_units()[0]
    if unit in ("meter", "micron"):
        raise InputError(f"{path}: its header gives lengths in {unit}s; write them in millimetres")


def _checked_affine(path: Path, affine: NDArray[np.float64] | None) -> NDArray[np.float64]:
    matrix = None if affine is None else np.asarray(affine, dtype=np.float64)
    if matrix is None or not np.isfinite(matrix).all():
        raise InputError(f"{path}: has no valid affine; export it again with its orientation")
    sizes = np.linalg.norm(matrix[:3, :3], axis=0)
    if sizes.min() == 0 or abs(np.linalg.det(matrix[:3, :3] / np.maximum(sizes, 1e-30))) < 1e-3:
        raise InputError(f"{path}: its affine is singular (an axis has no direction); export it again")
    directions = matrix[:3, :3] / sizes
    if np.abs(directions.T @ directions - np.eye(3)).max() > 1e-2:
        raise InputError(f"{path}: its affine is sheared; resample it to a grid with right angles")
    if sizes.min() < VOXEL_MM[0] or sizes.max() > VOXEL_MM[1]:
        text = " × ".join(f"{s:.3g}" for s in sizes)
        raise InputError(
            f"{path}: voxels of {text} mm are not those of a head ({VOXEL_MM[0]}–{VOXEL_MM[1]} mm); "
            "write the affine in millimetres"
        )
    return matrix


def read_labels(path: Path | str) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Read a label map: whole numbers, none negative; otherwise `InputError`, as `read_canonical`."""
    data, affine = read_canonical(path)
    if data.dtype.kind == "f":
        rounded = np.rint(data) + 0
        if np.abs(data - rounded).max() > 1e-3:
            raise InputError(f"{path}: holds fractions, a label map holds whole numbers; use load_activity for kBq/mL")
        data = rounded
    if data.min() < 0 or data.max() > 30000:
        raise InputError(f"{path}: labels {data.min():.0f} to {data.max():.0f} are not within 0–30000; renumber them")
    return data.astype(np.int32), affine


def refuse_long(path: Path | str, shape: tuple[int, ...], affine: NDArray[np.float64], limit_mm: float) -> None:
    """Raise `InputError` when a volume of this shape is longer than `limit_mm` along any of its axes."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0) * shape
    if lengths.max() > limit_mm:
        text = " × ".join(f"{n:.0f}" for n in lengths)
        raise InputError(
            f"{path}: is {text} mm large, more than the {limit_mm:.0f} mm a head can fill; crop it, or write the "
            "true voxel size into its header"
        )


def read_activity(path: Path | str) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Read an activity map in kBq/mL, none negative, none too large; otherwise `InputError`, as `read_canonical`."""
    data, affine = read_canonical(path)
    refuse_long(path, data.shape, affine, ACTIVITY_MM)
    if data.min() < 0:
        raise InputError(f"{path}: activity is negative down to {data.min():.3g} kBq/mL; clip it at zero first")
    return data.astype(np.float32), affine


def to_millimetre_grid(
    data: NDArray[Any], affine: NDArray[np.float64], order: int
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Resample a volume to 1 mm voxels along the world's axes.

    Parameters
    ----------
    data : (X, Y, Z) array
    affine : (4, 4) array
        Voxel index → world, mm.
    order : int
        0 = nearest (labels), 1 = linear (activity).

    Returns
    -------
    data : (X', Y', Z') array
    origin : (3,) array
        World position of the first voxel, mm.
    """
    from scipy import ndimage

    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in data.shape], indexing="ij"), axis=-1).reshape(-1, 3)
    world = corners @ affine[:3, :3].T + affine[:3, 3]
    origin = np.floor(world.min(axis=0))
    shape = tuple(int(n) for n in np.ceil(world.max(axis=0)) - origin + 1)
    inverse = np.linalg.inv(affine)
    offset = inverse[:3, :3] @ origin + inverse[:3, 3]
    return ndimage.affine_transform(data, inverse[:3, :3], offset, output_shape=shape, order=order), origin
