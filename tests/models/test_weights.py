"""Weight files: what is written is read back, and nothing else is accepted."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from petrecon import paths
from petrecon.errors import InputError, MissingError
from petrecon.models.weights import load_into, load_weights, save_weights
from petrecon.provenance import reads, weight_receipts


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(1)
    network, path = nn.Linear(3, 2), tmp_path / "w.safetensors"
    digest = save_weights(path, network, "line", {"in": 3}, made_by="petrecon.errors", seconds=12)
    return network, path, digest


def test_what_is_saved_is_loaded_in_single_precision(saved):
    network, path, digest = saved
    spec, state = load_weights(path, "line")
    assert spec == {"in": 3}
    assert all(v.dtype == torch.float32 for v in state.values())
    assert torch.equal(state["weight"], network.weight.detach().half().float())
    assert not list(path.parent.glob("*.partial"))
    receipt = json.loads(path.with_suffix(".json").read_text())
    assert (receipt["sha256"], receipt["seconds"], receipt["kind"]) == (digest, 12, "line")
    fresh = nn.Linear(3, 2)
    load_into(fresh, state, "w")
    assert torch.equal(fresh.bias, state["bias"])


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Weights in a data folder, of a card, with the receipt that their training wrote."""
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path / "data")
    monkeypatch.setattr(weight_receipts, "data_dir", lambda: tmp_path / "data")
    card = tmp_path / "data" / "training" / "w.yaml"
    card.parent.mkdir(parents=True)
    card.write_text("name: w\nseed: 1\n", encoding="utf-8")
    path = tmp_path / "data" / "weights" / "w.safetensors"
    save_weights(path, nn.Linear(3, 2), "line", {"in": 3}, made_by="petrecon.errors", card={"name": "w", "seed": 1})
    return path, card


def test_weights_tell_when_they_are_not_of_their_card_and_code(shipped, edited_package):
    path, card = shipped
    assert weight_receipts.differences(path) == []
    edited_package("ddip/loop.py", "CHANGED = 1\n")
    edited_package("errors.py", "# a comment\n")
    assert weight_receipts.describe(path) == ""
    edited_package("errors.py", "CHANGED = 1\n")
    assert weight_receipts.describe(path) == "not of this card and code: module petrecon.errors changed"
    card.write_text("name: w\nseed: 2\n", encoding="utf-8")
    assert weight_receipts.differences(path)[0] == "its card data/training/w.yaml changed"


def test_a_receipt_of_weights_from_before_it_held_code_says_so(shipped):
    path, card = shipped
    receipt = json.loads(path.with_suffix(".json").read_text())
    assert set(receipt["code"]) == {"petrecon.errors"}
    assert receipt["versions"]["torch"].startswith("2.")
    del receipt["code"]
    path.with_suffix(".json").write_text(json.dumps(receipt))
    assert weight_receipts.describe(path) == "made before receipts held code"
    card.write_text("name: w\nseed: 2\n", encoding="utf-8")
    assert "its card data/training/w.yaml changed" in weight_receipts.describe(path)


def test_weights_among_the_shipped_ones_need_their_receipt(shipped):
    path, _ = shipped
    path.with_suffix(".json").unlink()
    with pytest.raises(InputError, match=r"w\.safetensors have no receipt w\.json beside them") as told:
        load_weights(path, "line")
    assert "\n" not in str(told.value)
    assert weight_receipts.differences(path) == ["it has no receipt"]
    own = path.parents[2] / "own.safetensors"
    path.rename(own)
    load_weights(own, "line")


def test_loaded_weights_are_an_input_of_the_run(saved, monkeypatch):
    """safetensors opens files outside of Python, where no watch sees it."""
    load_weights(saved[1], "line")
    assert reads.noted() == {f"file {saved[1]}": saved[2]}


@pytest.mark.parametrize("about", [{"kind": "line"}, {"kind": "line", "spec": "{"}, {"kind": "line", "spec": "3"}])
def test_weights_that_do_not_say_their_network_are_refused(tmp_path, about):
    save_file({"a": torch.zeros(1)}, tmp_path / "own.safetensors", metadata=about)
    with pytest.raises(InputError, match="do not say what network they are of"):
        load_weights(tmp_path / "own.safetensors", "line")


def test_missing_weights_name_the_command(tmp_path):
    with pytest.raises(MissingError, match="petrecon train absent"):
        load_weights(tmp_path / "absent.safetensors", "line")


def test_another_kind_is_refused(saved):
    with pytest.raises(InputError, match="'line' network, not of a 'score'"):
        load_weights(saved[1], "score")


def test_one_changed_byte_is_refused_with_both_hashes(saved):
    _, path, digest = saved
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=f"their receipt says {digest[:12]}"):
        load_weights(path, "line")


def test_a_file_that_is_no_safetensors_is_refused(tmp_path):
    path = tmp_path / "junk.safetensors"
    path.write_bytes(b"not weights")
    with pytest.raises(InputError, match=r"junk\.safetensors cannot be read"):
        load_weights(path, "line")
    save_file({"a": torch.zeros(1)}, tmp_path / "plain.safetensors")
    with pytest.raises(InputError, match="'unknown' network"):
        load_weights(tmp_path / "plain.safetensors", "line")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"weight": torch.zeros(2, 3)}, "'bias' is only on one side"),
        ({"weight": torch.zeros(2, 4), "bias": torch.zeros(2)}, r"'weight' has shape \(2, 4\), the network \(2, 3\)"),
        ({"weight": torch.full((2, 3), torch.nan), "bias": torch.zeros(2)}, "not finite in 'weight'"),
    ],
)
def test_weights_of_another_architecture_are_refused_by_name(state, message):
    network = nn.Linear(3, 2)
    before = network.weight.detach().clone()
    with pytest.raises(InputError, match=message):
        load_into(network, state, "w")
    assert torch.equal(network.weight, before)
