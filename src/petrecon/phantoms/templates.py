"""The two average brains, DK+aseg atlas and MNI152 tissue maps, with skull and scalp added."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from petrecon.phantoms.donors import GRID_ORIGIN, GRID_SHAPE, dk_aseg
from petrecon.phantoms.head import Labels, add_shells, ball_closing
from petrecon.phantoms.nifti import read_canonical
from petrecon.phantoms.regions import CSF, labels_of
from petrecon.provenance.wheels import registered


def build_dk_aseg() -> tuple[Labels, NDArray[np.float64]]:
    """Build the head of the DK+aseg atlas (112 labels; MNI152 frame) on the working grid."""
    return add_shells(_on_grid(*dk_aseg())), GRID_ORIGIN


def build_mni152() -> tuple[Labels, NDArray[np.float64]]:
    """Build the MNI152 head: its tissue maps decide the tissue, the DK+aseg atlas in the same frame the name.

    A voxel of the brain is grey or white, whichever is likelier, and fluid where neither reaches 50 %. It
    takes the nearest atlas label of that tissue; deep nuclei, cerebellum, brainstem and ventricles come from
    the atlas.
    """
    grey, affine = read_canonical(registered("mni152-gm"))
    white, _ = read_canonical(registered("mni152-wm"))
    t1, _ = read_canonical(registered("mni152-t1"))
    g, w, t = (_on_grid(v.astype(np.int16), affine) for v in (grey, white, t1))
    atlas = _on_grid(*dk_aseg())
    brain = ball_closing(t > 25, 2.0)
    solid = np.maximum(g, w) > 0.5 * 255
    fixed = np.isin(atlas, labels_of(("deep-grey", "brainstem"))) & brain
    greys = labels_of(("grey", "cerebellum-grey"))
    whites = labels_of(("white", "cerebellum-white"))
    out = np.where(brain, np.int16(CSF), np.int16(0))
    for likelier, family in ((g >= w, greys), (w > g, whites)):
        here = brain & solid & likelier
        out[here] = _nearest(atlas, family)[here]
    out[fixed & solid] = atlas[fixed & solid]
    ventricle = np.isin(atlas, (4, 5, 14, 15, 43, 44)) & (out == CSF)
    out[ventricle] = atlas[ventricle]
    return add_shells(out), GRID_ORIGIN


def _on_grid(labels: NDArray[np.int16], affine: NDArray[np.float64]) -> Labels:
    """Place a 1 mm RAS volume on the working grid, by whole voxels."""
    first = np.rint(affine[:3, 3] - GRID_ORIGIN).astype(int)
    out = np.zeros(GRID_SHAPE, dtype=np.int16)
    into = tuple(slice(max(f, 0), min(f + n, size)) for f, n, size in zip(first, labels.shape, GRID_SHAPE, strict=True))
    source = tuple(slice(s.start - f, s.stop - f) for s, f in zip(into, first, strict=True))
    out[into] = labels[source]
    return out


def _nearest(atlas: Labels, family: list[int]) -> Labels:
    """Return, for every voxel, the nearest atlas label that belongs to `family`."""
    from scipy import ndimage

    index = ndimage.distance_transform_edt(~np.isin(atlas, family), return_distances=False, return_indices=True)
    nearest: Labels = atlas[tuple(index)]
    return nearest
