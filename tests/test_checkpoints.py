"""Checkpoints: written whole or not at all, and refused when they belong to another training."""

from types import SimpleNamespace

import pytest
import torch

from petrecon.checkpoints import Fields, load_checkpoint, resumable, save_checkpoint
from petrecon.errors import InputError


def test_a_checkpoint_comes_back_and_leaves_no_partial_file(tmp_path):
    path = tmp_path / "deep" / "t.pt"
    save_checkpoint(path, {"name": "t"}, {"iteration": 3, "w": torch.arange(3)})
    state = load_checkpoint(path, {"name": "t"})
    assert state["iteration"] == 3
    assert torch.equal(state["w"], torch.arange(3))
    assert [p.name for p in path.parent.iterdir()] == ["t.pt"]


@pytest.mark.parametrize("other", [{"name": "t", "seed": 2}, {"name": "t"}, {"name": "t", "seed": 1, "batch": 2}])
def test_a_checkpoint_of_another_training_is_refused(tmp_path, other):
    """Also when the other training has a setting more, or one less."""
    save_checkpoint(tmp_path / "t.pt", {"name": "t", "seed": 1}, {})
    with pytest.raises(InputError, match="(seed|batch).* differ.*delete it"):
        load_checkpoint(tmp_path / "t.pt", other)


def test_a_broken_checkpoint_is_refused(tmp_path):
    (tmp_path / "t.pt").write_bytes(b"junk")
    with pytest.raises(InputError, match="is not a checkpoint"):
        load_checkpoint(tmp_path / "t.pt", {})


def walked(path, steps, stop=None, every=2, task="walk"):
    """A random walk whose draws depend on the step alone; interrupted inside step `stop`."""
    walk = SimpleNamespace(position=torch.zeros(3, dtype=torch.float64), seen=[])
    for step in resumable(
        range(1, steps + 1), {"walk": Fields(walk, "position", "seen")}, path, lambda: {"task": task}, every=every
    ):
        walk.position = walk.position + torch.randn(
            3, generator=torch.Generator().manual_seed(step), dtype=torch.float64
        )
        if step == stop:
            raise KeyboardInterrupt
        walk.seen.append(step)
    return walk


@pytest.mark.parametrize("stop", [1, 2, 3, 6, 7])
def test_an_interrupted_loop_ends_where_an_uninterrupted_one_does(tmp_path, stop):
    straight, path = walked(None, 7), tmp_path / "walk.pt"
    with pytest.raises(KeyboardInterrupt):
        walked(path, 7, stop=stop)
    resumed = walked(path, 7)
    assert torch.equal(resumed.position, straight.position)
    assert resumed.seen == straight.seen == list(range(1, 8))


def test_a_finished_loop_is_stored_and_takes_no_further_step(tmp_path):
    """Also when its last step is no multiple of `every`."""
    first = walked(tmp_path / "walk.pt", 7)
    again = walked(tmp_path / "walk.pt", 7, stop=7)
    assert torch.equal(first.position, again.position)
    with pytest.raises(InputError, match="task differ"):
        walked(tmp_path / "walk.pt", 7, task="run")


def test_steps_between_two_checkpoints_are_taken_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        walked(tmp_path / "walk.pt", 7, stop=6)
    assert load_checkpoint(tmp_path / "walk.pt", {"task": "walk"})["step"] == 4


def test_without_a_path_nothing_is_stored_nor_asked():
    assert list(resumable(range(1, 4), {}, None, lambda: pytest.fail("asked for an identity"))) == [1, 2, 3]
