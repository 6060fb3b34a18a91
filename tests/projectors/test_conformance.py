"""Every backend has every property of the conformance suite, in both precisions."""

from __future__ import annotations

import pytest
import torch

from petrecon.projectors import make_projector
from petrecon.studies import conformance

# libparallelproj 2 cuts lines in the outermost half voxel (with the zero border that phantoms keep it does not), and
# counts whole planes where a line ends inside the image
KNOWN = {
    ("parallelproj", f"chords of a box, lines {where}")
    for where in ("in the plane", "in space", "grazing the faces", "that end inside", "that end inside, zero border")
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
def test_backend_has_every_property(backend, dtype):
    if backend == "parallelproj" and dtype == torch.float64:
        pytest.skip("parallelproj has float32 only")
    table = conformance.run([backend], dtype)
    failed = {
        row["property"]: (row["measured"], row["threshold"])
        for row in table
        if not row["passed"] and (row["backend"], row["property"]) not in KNOWN
    }
    assert not failed
    assert len(table) == 20


def test_suite_names_backend_version_and_precision():
    row = conformance.run(["joseph"], torch.float32)[0]
    assert row["backend"] == "joseph"
    assert row["version"].startswith("numba ")
    assert row["dtype"] == "float32"


def make(geometry):
    return make_projector(geometry, "joseph", torch.float64)


def test_a_slice_off_the_plane_of_its_lines_is_noticed():
    """Lines 0.15 voxel off a one-slice image lose 15 % of every integral."""
    assert conformance.centring_error(make, torch.float64, 0.15) == pytest.approx(0.15, abs=1e-9)


def test_swapped_image_axes_are_noticed():
    """An operator that reads the image as (y, x) passes the dot-product test and fails the orientation."""

    def swapped(geometry):
        inner = make(geometry)
        return lambda image: inner(image.T.contiguous())

    assert conformance.orientation_error(make, torch.float64) < 0.05
    assert conformance.orientation_error(swapped, torch.float64) > 5


def test_exact_chords_of_three_lines_through_a_box():
    """A 4 x 2 mm box: through the middle along x, along the diagonal, and outside."""
    import numpy as np

    start = np.array([[-9.0, 0, 0], [-4, -2, 0], [-9, 5, 0]])
    end = np.array([[9.0, 0, 0], [4, 2, 0], [9, 5, 0]])
    geometry = conformance.Geometry(start, end, (4, 2), (1.0, 1.0))
    assert conformance.box_chords(geometry, (4, 2)).tolist() == pytest.approx([4.0, 20**0.5, 0.0])
