import numpy as np
import pytest

from petrecon.phantoms import registration as reg
from petrecon.phantoms.donors import DONORS, pose, read_donor

RNG = np.random.default_rng(0)
POINTS = RNG.normal(0, 40, (30, 3))


def rotation(angles):
    out = np.eye(3)
    for axis, angle in enumerate(angles):
        i, j = [d for d in range(3) if d != axis]
        turn = np.eye(3)
        turn[[i, i, j, j], [i, j, i, j]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        out = turn @ out
    return out


def test_rigid_recovers_a_known_pose():
    turn, shift = rotation((0.3, -0.5, 1.1)), np.array([4.0, -7.0, 11.0])
    found = reg.rigid(POINTS, POINTS @ turn.T + shift)
    np.testing.assert_allclose(found[:3, :3], turn, atol=1e-12)
    np.testing.assert_allclose(found[:3, 3], shift, atol=1e-10)


def test_rigid_refuses_a_mirrored_brain():
    with pytest.raises(ValueError, match="left and right are swapped"):
        reg.rigid(POINTS, POINTS * [-1, 1, 1])


def test_weights_decide_between_contradictory_points():
    target = POINTS.copy()
    target[:15] += 10
    near = reg.rigid(POINTS, target, np.r_[np.ones(15), np.full(15, 1e6)])
    np.testing.assert_allclose(reg.apply_affine(near, POINTS[15:]), POINTS[15:], atol=1e-3)


def test_affine_fit_recovers_a_known_map():
    matrix = np.eye(4)
    matrix[:3, :3] += RNG.normal(0, 0.2, (3, 3))
    matrix[:3, 3] = 1, 2, 3
    np.testing.assert_allclose(reg.affine_fit(POINTS, reg.apply_affine(matrix, POINTS)), matrix, atol=1e-12)


def test_centroids_are_means_of_world_positions():
    labels = np.zeros((6, 5, 4), np.int16)
    labels[1:3, 2, 3] = 7
    affine = np.array([[2.0, 0, 0, 5], [0, 3, 0, -1], [0, 0, 1, 0], [0, 0, 0, 1]])
    where, count = reg.centroids(labels, affine)[7]
    np.testing.assert_allclose(where, [2 * 1.5 + 5, 3 * 2 - 1, 3])
    assert count == 2


@pytest.mark.parametrize("donor", DONORS)
def test_every_donor_is_posed_like_the_atlas(donor):
    """After the rigid pose the same regions lie at the same place, up to the size of the brain."""
    rigid, points = pose(*read_donor(donor))
    np.testing.assert_allclose(rigid[:3, :3] @ rigid[:3, :3].T, np.eye(3), atol=1e-12)
    apart = np.linalg.norm(points["own"] - points["atlas"], axis=1)
    deep = points["labels"] < 1000
    assert np.median(apart) < 8
    assert apart[deep].max() < 8
    left, right = points["labels"] == 12, points["labels"] == 51
    assert points["own"][left][0, 0] < -15 < 15 < points["own"][right][0, 0]
    assert abs(points["own"][left][0, 2] - points["own"][right][0, 2]) < 4
