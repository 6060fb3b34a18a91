from __future__ import annotations

import pytest

from petrecon.projectors import Geometry, available_backends
from petrecon.projectors.lines import cylinder_lines, detector_positions, ring_lines


@pytest.fixture(params=["matrix", "joseph", pytest.param("parallelproj", marks=pytest.mark.parallelproj)])
def backend(request):
    if request.param not in available_backends():
        pytest.skip(f"{request.param} is not installed (conda install -c conda-forge libparallelproj)")
    return request.param


@pytest.fixture
def tiny():
    """16 detectors, 8 views of 5 radial bins, 4 x 3 voxels."""
    start, end = ring_lines(detector_positions(8, 2, 20.0, 30.0), 5)
    return Geometry(start, end, (4, 3), (7.0, 8.0))


@pytest.fixture
def tiny_3d():
    start, end = cylinder_lines(detector_positions(9, 2, 18.0, 30.0), 5, 3, 8.0, 1)
    return Geometry(start, end, (4, 3, 3), (7.0, 8.0, 5.0))
