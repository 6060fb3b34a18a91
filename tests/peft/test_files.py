"""Adapter files: shared, switched, and refused where they do not belong."""

import pytest
import torch
from safetensors.torch import save_file

from petrecon.errors import InputError, MissingError, ParameterError
from petrecon.models import CVTGANSpec, build
from petrecon.peft import Recipe, apply_recipe, fingerprint, load_adapter, petite_recipe, remove, save_adapter
from tests.peft.conftest import SPECS, lived_in
from tests.peft.test_merging import disturbed


@pytest.fixture
def adapter(fresh, tmp_path):
    """Return a function: architecture, recipe → a file and the tuned network."""

    def make(architecture, recipe, name="a.safetensors"):
        network = disturbed(apply_recipe(fresh(architecture), recipe, seed=3))
        save_adapter(network, tmp_path / name)
        return tmp_path / name, network

    return make


@pytest.mark.parametrize("architecture", ["unetr", "cvt-gan"])
@torch.no_grad()
def test_a_loaded_adapter_is_the_saved_one(adapter, fresh, volume, architecture):
    path, tuned = adapter(architecture, petite_recipe(architecture))
    x, other = volume[architecture], fresh(architecture)
    assert load_adapter(other, path) == petite_recipe(architecture)
    assert torch.equal(other(x), tuned(x))
    assert path.stat().st_size < 0.2 * 4 * sum(p.numel() for p in other.parameters())


@torch.no_grad()
def test_one_base_serves_two_scanners(adapter, fresh, volume):
    """Switching there and back gives the same outputs, and removal the base."""
    network, x = fresh("cvt-gan"), volume["cvt-gan"]
    base = network(x)
    (first, one), (second, two) = (
        adapter("cvt-gan", recipe, f"{i}.safetensors")
        for i, recipe in enumerate((petite_recipe("cvt-gan"), Recipe("ssf", "vpt", bitfit=True)))
    )
    for path, tuned in ((first, one), (second, two), (first, one)):
        load_adapter(network, path)
        assert torch.equal(network(x), tuned(x))
    assert torch.equal(remove(network)(x), base)


@torch.no_grad()
def test_adapted_statistics_travel_with_the_adapter(fresh, volume, tmp_path):
    x = volume["cvt-gan"]
    network = apply_recipe(fresh("cvt-gan"), Recipe("lora", "lora", batchnorm="adapt"))
    before = network(x)
    network.train()(x)
    tuned = network.eval()(x)
    assert not torch.equal(tuned, before)
    save_adapter(network, tmp_path / "a.safetensors")
    other = fresh("cvt-gan")
    load_adapter(other, tmp_path / "a.safetensors")
    assert torch.equal(other(x), tuned)
    assert torch.equal(remove(other)(x), fresh("cvt-gan")(x))


def test_fingerprint_is_of_the_base(fresh):
    network = fresh("cvt-gan")
    before = fingerprint(network)
    assert fingerprint(disturbed(apply_recipe(network, petite_recipe("cvt-gan")))) == before
    assert fingerprint(remove(network)) == before
    with torch.no_grad():
        network.encoder0[0].weight[0, 0, 0, 0, 0] += 1e-6
    assert fingerprint(network) != before


@torch.no_grad()
def test_an_adapter_that_does_not_belong_is_refused_and_changes_nothing(adapter, fresh, volume):
    path, _ = adapter("cvt-gan", petite_recipe("cvt-gan"))
    others = {
        "is for cvt-gan, not for unetr": fresh("unetr"),
        "belongs to another base network": lived_in(SPECS["cvt-gan"], seed=1),
        "is for channels 8, this network has 4": build(CVTGANSpec(patch=(64, 16, 16), channels=4, dropout=0.0)),
    }
    for message, network in others.items():
        names = list(network.state_dict())
        with pytest.raises(InputError, match=message):
            load_adapter(network, path)
        assert list(network.state_dict()) == names
    tuned = disturbed(apply_recipe(lived_in(SPECS["cvt-gan"], seed=1), Recipe("ssf")))
    before = tuned(volume["cvt-gan"])
    with pytest.raises(InputError, match="another base"):
        load_adapter(tuned, path)
    assert torch.equal(tuned(volume["cvt-gan"]), before)


def test_other_files_are_refused(fresh, adapter, tmp_path):
    network = fresh("unetr")
    with pytest.raises(MissingError, match="no adapter file"):
        load_adapter(network, tmp_path / "none.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "b.safetensors")
    with pytest.raises(InputError, match="is not an adapter file"):
        load_adapter(network, tmp_path / "b.safetensors")
    path, _ = adapter("unetr", Recipe("ssf"))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="cannot be read"):
        load_adapter(network, path)


def test_a_recipe_of_another_version_is_refused(adapter, fresh):
    path, _ = adapter("unetr", Recipe("ssf"))
    path.write_bytes(path.read_bytes().replace(b"bitfit", b"bitfix", 1))
    network = fresh("unetr")
    names = list(network.state_dict())
    with pytest.raises(InputError, match="save it again"):
        load_adapter(network, path)
    assert list(network.state_dict()) == names


def test_nothing_is_written_when_there_is_nothing_to_save(fresh, tmp_path):
    network = fresh("unetr")
    for change in (lambda: None, lambda: apply_recipe(network, Recipe())):
        change()
        with pytest.raises(ParameterError, match="no adapter to save"):
            save_adapter(network, tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())
