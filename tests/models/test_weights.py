"""Weight files: what is written is read back, and nothing else is accepted."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from petrecon.errors import InputError, MissingError
from petrecon.models.weights import load_into, load_weights, save_weights


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(1)
    network, path = nn.Linear(3, 2), tmp_path / "w.safetensors"
    digest = save_weights(path, network, "line", {"in": 3}, seconds=12)
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


@pytest.mark.parametrize("about", [{}, {"spec": "{not json"}, {"spec": "[1]"}])
def test_weights_that_do_not_say_their_network_are_refused(tmp_path, about):
    path = tmp_path / "own.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={"kind": "line", **about})
    with pytest.raises(InputError, match=r"own\.safetensors do not say what network"):
        load_weights(path, "line")
