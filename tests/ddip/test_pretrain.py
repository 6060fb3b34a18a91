"""Pre-training: the loss, resuming, and the files it leaves."""

import json
import sys

import pytest
import torch
import yaml

from petrecon import paths, train_by_name
from petrecon.ddip.pretrain import load_prior, pretrain_score, score_loss
from petrecon.errors import CardError, InputError
from petrecon.models import NoiseSchedule
from petrecon.models.shipped_trainings import load_training, training_names
from petrecon.models.weights import load_weights

CARD = {
    "name": "tiny", "kind": "score", "tracer": "fdg", "heads": 2, "mr_dropout": 0.2, "iterations": 4, "batch": 2,
    "learning_rate": 1e-3, "warmup": 2, "ema": 0.5, "seed": 3,
    "network": {"channels": [8, 16], "attention": [False, False]},
    "image": {"shape": [24, 28], "voxel_mm": 8.4, "heights_mm": [0, 30]},
}  # fmt: skip


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A data folder of its own, with one small card, beside the real tracers."""
    real = paths.data_dir()
    (tmp_path / "training").mkdir()
    for part in ("tracers", "registry.yml"):
        (tmp_path / part).symlink_to(real / part)
    (tmp_path / "training" / "tiny.yaml").write_text(yaml.safe_dump(CARD))
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path)
    monkeypatch.setattr(paths, "cache_dir", lambda: tmp_path / "cache")
    return tmp_path


def test_the_loss_of_a_network_that_knows_the_noise_is_zero():
    schedule, pet = NoiseSchedule(), torch.rand(3, 1, 8, 8)

    def oracle(x_t, t, mr):
        signal, sigma = schedule.signal_and_noise(t, x_t)
        return (x_t - signal * pet) / sigma

    draws = torch.Generator().manual_seed(0)
    assert score_loss(oracle, schedule, pet, torch.zeros_like(pet), 0.0, draws) < 1e-6
    blind = score_loss(lambda x, t, mr: torch.zeros_like(x), schedule, pet, pet, 0.0, draws)
    assert blind == pytest.approx(1.0, abs=0.3)  # the variance of unit noise


def test_mr_is_dropped_for_the_stated_share():
    seen = []

    def look(x_t, t, mr):
        seen.append((mr.flatten(1).abs().sum(1) > 0).float())
        return x_t

    pet = torch.rand(2000, 1, 2, 2) + 0.1
    score_loss(look, NoiseSchedule(), pet, pet, 0.15, torch.Generator().manual_seed(0))
    assert 1 - seen[0].mean() == pytest.approx(0.15, abs=0.03)


def test_an_interrupted_training_ends_with_the_same_weights(house):
    """Two iterations, a stop, and the rest give bit for bit what an uninterrupted training gives."""
    pretrain_score("tiny", checkpoint_every=2, progress=False)
    _, straight = load_weights(house / "weights" / "tiny.safetensors", "score")
    (house / "weights" / "tiny.safetensors").unlink()
    pretrain_score("tiny", checkpoint_every=2, stop_after=2, progress=False)
    assert not (house / "weights" / "tiny.safetensors").exists()
    assert (house / "cache" / "training" / "tiny.pt").exists()
    pretrain_score("tiny", checkpoint_every=2, progress=False)
    _, resumed = load_weights(house / "weights" / "tiny.safetensors", "score")
    assert resumed.keys() == straight.keys()
    assert all(torch.equal(value, straight[key]) for key, value in resumed.items())
    assert not (house / "cache" / "training" / "tiny.pt").exists()


def test_a_checkpoint_of_other_code_is_refused(house, monkeypatch):
    """Weights must be of one code: the receipt names the modules that are there when the training ends."""
    pretrain_score("tiny", checkpoint_every=2, stop_after=2, progress=False)
    monkeypatch.setattr(sys.modules[pretrain_score.__module__], "code_digest", lambda name: "other")
    with pytest.raises(InputError, match=r"is of another training \(code differ\): delete it"):
        pretrain_score("tiny", progress=False)


def test_the_receipt_tells_the_card_and_the_losses(house):
    assert train_by_name.train("tiny", progress=False) == house / "weights" / "tiny.safetensors"
    receipt = json.loads((house / "weights" / "tiny.json").read_text())
    assert receipt["card"] == CARD
    assert {"petrecon.ddip.pretrain", "petrecon.ddip.slices", "petrecon.phantoms.head"} <= set(receipt["code"])
    assert "petrecon.ddip.loop" not in receipt["code"]
    assert receipt["losses"]["rows"][-1][0] == 4
    assert "tiny" in train_by_name.listing()[0]
    assert "trained in" in train_by_name.listing()[0]
    prior = load_prior("tiny")
    assert not any(p.requires_grad for p in prior.parameters())
    (house / "weights" / "tiny.safetensors").write_bytes(b"broken")
    with pytest.raises(InputError, match="their receipt says"):
        load_prior("tiny")


def test_a_card_of_unknown_kind_is_refused(house):
    (house / "training" / "odd.yaml").write_text("name: odd\nkind: scor\n")
    with pytest.raises(CardError, match="Did you mean 'score'"):
        train_by_name.train("odd")


def test_every_kind_of_card_has_its_training(house, monkeypatch):
    """`petrecon train NAME` and `petrecon train`, with a card of kind petite beside that of a score network."""
    from click.testing import CliRunner

    from petrecon.cli import main
    from petrecon.petite import sources

    calls = []

    def note(name, *, progress=True):
        calls.append((name, progress))
        return house / "weights" / name

    monkeypatch.setattr(sources, "pretrain_source", note)
    (house / "training" / "pairs.yaml").write_text("name: pairs\nkind: petite\n")
    assert train_by_name.train("pairs", progress=False) == house / "weights" / "pairs"
    told = CliRunner().invoke(main, ["train", "pairs"], catch_exceptions=False)
    assert told.output.strip() == str(house / "weights" / "pairs")
    assert calls == [("pairs", False), ("pairs", True)]
    listed = CliRunner().invoke(main, ["train"], catch_exceptions=False).output.splitlines()
    assert [line.split(maxsplit=2) for line in listed] == [
        ["pairs", "petite", "not trained yet"],
        ["tiny", "score", "not trained yet"],
    ]
    monkeypatch.undo()
    assert {load_training(name)["kind"] for name in training_names()} == set(train_by_name.KINDS)


def test_a_users_own_weights_are_checked_before_a_kernel_starts(tmp_path):
    """A torn file, and weights of another kind, given in place of a shipped prior."""
    from petrecon.compendium.runs.run import plan
    from petrecon.compendium.runs.user_files import check_files
    from petrecon.models import save_weights

    torn, other = tmp_path / "torn.safetensors", tmp_path / "other.safetensors"
    torn.write_bytes(b"not weights")
    save_weights(other, torch.nn.Linear(2, 2), "line", {})
    for path, message in ((torn, "cannot be read"), (other, "'line' network, not of a 'score'")):
        with pytest.raises(InputError, match=message):
            check_files(plan("22_ddip_compare", {"prior": str(path)}))
