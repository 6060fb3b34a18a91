"""Checkpoints: written whole or not at all, and refused when they belong to another training."""

import pytest
import torch

from petrecon.checkpoints import load_checkpoint, save_checkpoint
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
