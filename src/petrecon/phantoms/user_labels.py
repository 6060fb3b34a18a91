"""A user's own label map made a head: read, held against its table, brought to 1 mm, wrapped in skull and scalp."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import InputError
from petrecon.phantoms.head import FLUID_MM, SCALP_MM, SKULL_MM, Labels, add_shells, convex_hull, crop, enclosed
from petrecon.phantoms.label_checks import check_labels
from petrecon.phantoms.label_tables import FREE_NUMBER, FREESURFER, LabelTable, load_label_table
from petrecon.phantoms.nifti import LABELS_MM, read_labels, refuse_long, to_millimetre_grid
from petrecon.phantoms.regions import BRAIN_TISSUES, CSF, REGIONS, SCALP, SKULL, TISSUES, Region

UNLABELLED = FREE_NUMBER
"""Stands for the inside of a map that names no white matter at all."""

_ROOM = int(FLUID_MM + SKULL_MM + SCALP_MM) + 6


def read_checked(
    path: Path | str, label_table: Path | str | None = None
) -> tuple[NDArray[np.int32], NDArray[np.float64], LabelTable]:
    """Read a label map and refuse it unless it can be what its table says.

    Parameters
    ----------
    path : str or Path
        A NIfTI label map.
    label_table : str or Path, optional
        A CSV file (`load_label_table`); by default, or as ``"freesurfer"``, FreeSurfer's table.

    Returns
    -------
    data : (X, Y, Z) int32 array
        The numbers of the file in RAS axes, cropped to those that are not 0.
    affine : (4, 4) array
        Voxel index → world, mm.
    table : LabelTable

    Raises
    ------
    InputError
        As `petrecon.phantoms.nifti`, `load_label_table` and `check_labels`, or if the labels reach over more than
        `LABELS_MM`.
    """
    table = FREESURFER if label_table in (None, "freesurfer") else load_label_table(str(label_table))
    data, affine = read_labels(path)
    data, first = crop(data, margin=0)
    affine = affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.array(first)
    refuse_long(path, data.shape, affine, LABELS_MM)
    check_labels(path, data, affine, table)
    return data, affine, table


def understood(path: Path | str, label_table: Path | str | None = None) -> str:
    """Return in one line how a label map is read: its table, volumes by tissue, and what the table does not name."""
    data, affine, table = read_checked(path, label_table)
    counts = np.bincount(data.ravel())
    counts[0] = 0
    millilitres: dict[str, float] = {}
    for n in np.flatnonzero(counts):
        tissue = table.region(int(n)).tissue
        millilitres[tissue] = millilitres.get(tissue, 0.0) + counts[n] * abs(np.linalg.det(affine[:3, :3])) / 1000
    volumes = ", ".join(f"{tissue} {millilitres[tissue]:.0f} mL" for tissue in TISSUES if tissue in millilitres)
    strange = [int(n) for n in np.flatnonzero(counts) if n not in table.rows]
    share = counts[strange].sum() / counts.sum()
    rest = f"; {len(strange)} numbers more ({share:.1%} of the voxels) are taken for grey" if strange else ""
    return f"{Path(path).name}: {np.count_nonzero(counts)} numbers read as {table.title}: {volumes}{rest}"


def load_label_map(
    path: Path | str, label_table: Path | str | None = None
) -> tuple[Labels, NDArray[np.float64], dict[int, Region], str]:
    """Make a head of a user's label map.

    Skull and scalp are put around a map that holds brain but neither of them, outside the convex hull of its labels.
    What lies between them and the labels is fluid; but what a map encloses that names no white matter at all is white
    matter.

    Parameters
    ----------
    path, label_table
        As in `read_checked`.

    Returns
    -------
    labels : (X, Y, Z) int16
        1 mm voxels, RAS axes, in FreeSurfer's numbers where it has the region.
    origin : (3,) array
        World position of the first voxel, mm.
    regions : dict
        Label → `Region`, for the labels present.
    source : str
        The file, and the table its numbers were read with.
    """
    data, affine, table = read_checked(path, label_table)
    translated, regions = table.translate(data)
    grid, origin = to_millimetre_grid(translated, affine, order=0)
    if not grid.any():
        raise InputError(f"{path}: nothing of it is left at 1 mm: its labels are all air, or smaller than that")
    labels, first = crop(grid, margin=_ROOM)
    source = f"the user's file {Path(path).name}, its numbers read as {table.title}"
    tissues = {region.tissue for region in regions.values()}
    if tissues & set(BRAIN_TISSUES) and not tissues & {"skull", "scalp"}:
        hull = convex_hull(labels > 0)
        if "white" not in tissues:
            inside = enclosed(labels > 0)
            labels[inside] = UNLABELLED
            source += f", {inside.sum() / 1000:.0f} mL that it encloses taken for the white matter it does not name"
        labels = add_shells(labels, hull)
        regions |= {n: REGIONS[n] for n in (CSF, SKULL, SCALP)}
        regions[UNLABELLED] = Region("unlabelled", "white")
    labels, second = crop(labels)
    present = {int(n): regions[int(n)] for n in np.unique(labels)}
    return labels, origin + np.array(first) + np.array(second), present, source
