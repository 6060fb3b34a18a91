"""A source network: pre-trained on its scanner, read back as it was written, never tuned in place."""

import json
from dataclasses import replace

import pytest
import torch
import yaml

from petrecon import paths
from petrecon.errors import CardError, InputError, MissingError, PetreconError
from petrecon.models import CVTGANSpec, UNETRSpec, build, build_discriminator
from petrecon.models.shipped_trainings import load_training, training_names, weights_path
from petrecon.models.weights import load_weights
from petrecon.petite import fit_network as training_module
from petrecon.petite import sources
from petrecon.petite.fit_network import Fit
from petrecon.petite.patches import check_fits
from petrecon.petite.population import population
from petrecon.petite.sources import load_source, pretrain_source, read_training_card, source_name
from petrecon.projectors import load_scanner, scanner_names

NETWORKS = {
    "unetr": {"architecture": "unetr", "patch": [32, 32, 16], "hidden": 16, "mlp": 32, "heads": 2, "feature": 2},
    "cvt-gan": {"architecture": "cvt-gan", "patch": [32, 32, 16], "channels": 4, "discriminator_channels": 2},
}
CARD = {
    "kind": "petite", "scanner": "gemini", "dose": 0.05, "profile": "quick", "subjects": 2, "held_out": 1,
    "scaling": "shared", "settings": {"steps": 4, "volumes": 2, "crops": 1, "validate_every": 2, "seed": 5},
}  # fmt: skip
SHIPPED = [name for name in training_names() if load_training(name)["kind"] == "petite"]
LAPTOP = [name for name in SHIPPED if not name.endswith("-paper")]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A data folder of its own, with a small card for either network."""
    (tmp_path / "training").mkdir()
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path)
    monkeypatch.setattr(paths, "cache_dir", lambda: tmp_path / "cache")
    for architecture in NETWORKS:
        write(f"{architecture}-gemini", architecture)
    return tmp_path


@pytest.fixture
def asked(house, drawn, monkeypatch):
    """Made-up exams in place of simulated ones: which were asked for."""
    calls = []

    def exams(members, dose, *, coarsening, progress=False):
        calls.append((list(members), dose, coarsening))
        return replace(drawn.select(range(len(members))), members=tuple(members), dose=dose)

    monkeypatch.setattr(sources, "load_pairs", exams)
    return calls


@pytest.fixture
def trained(monkeypatch):
    """Networks, discriminators and results of every `fit`."""
    found, original = [], sources.fit

    def seen(network, *args, **words):
        result = original(network, *args, **words)
        found.append((network, words["discriminator"], result))
        return result

    monkeypatch.setattr(sources, "fit", seen)
    return found


def write(name, architecture="cvt-gan", **changes):
    """Write a small training card."""
    network = NETWORKS[architecture] | changes.pop("network", {})
    card = {"name": name, **CARD, "network": network, **changes}
    (paths.data_dir() / "training" / f"{name}.yaml").write_text(yaml.safe_dump(card))


def values(network):
    return {k: v.clone() for k, v in network.state_dict().items()}


def same(state, other):
    return state.keys() == other.keys() and all(torch.equal(v, other[k]) for k, v in state.items())


@pytest.mark.parametrize("architecture", list(NETWORKS))
def test_a_source_is_what_was_trained_in_half_precision(house, asked, trained, architecture):
    name = source_name(architecture, "gemini")
    assert pretrain_source(name, progress=False) == house / "weights" / f"{name}.safetensors"
    assert asked == [
        (population("gemini", "train", 2), 0.05, "quick"),
        (population("gemini", "test", 1), 0.05, "quick"),
    ]
    source = load_source(name)
    assert (source.name, source.scanner, source.scaling, source.coarsening) == (name, "gemini", "shared", "quick")
    assert (source.dose, source.settings.steps, source.settings.scaling) == (0.05, 4, "shared")
    assert source.network.spec == source.spec == read_training_card(name)[1]
    ((network, discriminator, _),) = trained
    assert (source.discriminator is None) == (discriminator is None) == (architecture == "unetr")
    builders = (build, build_discriminator)
    for held, wanted, builder in zip(
        (source.network, source.discriminator), (network, discriminator), builders, strict=True
    ):
        if wanted is None:
            continue
        assert not any(module.training for module in held.modules())
        assert not any(p.requires_grad for p in held.parameters())
        halved = {k: v.half().float() if v.is_floating_point() else v for k, v in wanted.state_dict().items()}
        assert same(held.state_dict(), halved)
        assert not same(halved, {k: v.half().float() for k, v in builder(source.spec, 5).state_dict().items()})
    assert not (house / "cache" / "training" / f"{name}.pt").exists()


def test_the_receipt_tells_card_losses_and_validations(house, asked, trained):
    pretrain_source("cvt-gan-gemini", progress=False)
    receipt = json.loads((house / "weights" / "cvt-gan-gemini.json").read_text())
    ((_, _, result),) = trained
    assert receipt["card"] == load_training("cvt-gan-gemini")
    assert (receipt["kind"], receipt["spec"]["architecture"]) == ("petite", "cvt-gan")
    assert receipt["losses"]["columns"] == ["step", "training"]
    assert receipt["losses"]["rows"] == [[row["step"], row["loss"]] for row in result.history]
    assert receipt["validations"] == result.validations
    assert [row["step"] for row in receipt["validations"]] == [2, 4]
    assert receipt["threads"] == 1
    assert receipt["seconds"] >= 0


def test_losses_of_a_long_training_are_means_over_its_parts(asked, monkeypatch):
    """45 steps: 22 rows, each the mean of two steps and named by the second."""
    write("long", settings={"steps": 45})
    history = [{"step": step, "loss": float(step)} for step in range(1, 46)]
    monkeypatch.setattr(sources, "fit", lambda *args, **words: Fit(history=history))
    receipt = json.loads(pretrain_source("long", progress=False).with_suffix(".json").read_text())
    assert receipt["losses"]["rows"] == [[2 * k, 2 * k - 0.5] for k in range(1, 23)]


def test_an_interrupted_pretraining_ends_with_the_same_weights(house, asked, monkeypatch):
    """Three steps, a stop, and the rest from the checkpoint of step 2 give the values of an uninterrupted training."""
    file, original, calls = house / "weights" / "cvt-gan-gemini.safetensors", training_module.make_step, []
    pretrain_source("cvt-gan-gemini", progress=False)
    straight = load_weights(file, "petite")[1]
    file.unlink()

    def interrupted(*args, **words):
        calls.append(args[0])
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(*args, **words)

    monkeypatch.setattr(training_module, "make_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pretrain_source("cvt-gan-gemini", progress=False)
    assert not file.exists()
    assert (house / "cache" / "training" / "cvt-gan-gemini.pt").exists()
    pretrain_source("cvt-gan-gemini", progress=False)
    assert calls == [0, 1, 2, 3, 2, 3]
    assert same(load_weights(file, "petite")[1], straight)


def test_players_are_copies(asked):
    pretrain_source("cvt-gan-gemini", progress=False)
    source = load_source("cvt-gan-gemini")
    before = values(source.network), values(source.discriminator)
    network, discriminator = source.generator_and_discriminator()
    assert same(network.state_dict(), before[0])
    assert same(discriminator.state_dict(), before[1])
    with torch.no_grad():
        for tensor in (*network.state_dict().values(), *discriminator.state_dict().values()):
            tensor.add_(1)
    network.requires_grad_(True).train()
    assert same(source.network.state_dict(), before[0])
    assert same(source.discriminator.state_dict(), before[1])
    assert not source.network.training
    assert not any(p.requires_grad for p in source.network.parameters())
    assert same(source.generator_and_discriminator()[0].state_dict(), before[0])


def refused(call, kind, *words):
    """Call, and expect one line with these words."""
    with pytest.raises(kind) as caught:
        call()
    told = str(caught.value)
    assert "\n" not in told
    assert all(word in told for word in words), told


def test_cards_that_make_no_source_are_refused(house):
    write("other", kind="score")
    write("odd", network={"architecture": "unet"})
    write("wide", network={"chanels": 4})
    write("narrow", network={"channels": 3})
    write("late", settings={"epochs": 3})
    refused(lambda: pretrain_source("other"), CardError, "other is of kind 'score', not 'petite'")
    refused(lambda: load_source("other"), CardError, "other is of kind 'score'")
    refused(lambda: pretrain_source("odd"), CardError, "network.architecture' is 'unet'. Did you mean 'unetr'")
    refused(lambda: pretrain_source("wide"), CardError, "wide has a width that cvt-gan does not know", "'chanels'")
    refused(lambda: pretrain_source("narrow"), PetreconError, "channels (3) must be even")
    refused(lambda: pretrain_source("late"), PetreconError, "no setting 'epochs'")
    write("twice", settings={"patch": [16, 16, 16]})
    write("scale", scaling="eech")
    write("flat", settings="none")
    refused(lambda: pretrain_source("twice"), CardError, "twice: field 'settings.patch' is given twice")
    refused(lambda: pretrain_source("scale"), CardError, "'eech'", "Did you mean 'each'")
    refused(lambda: pretrain_source("flat"), CardError, "'settings' is 'none': must be a group of `field: value` lines")
    card = {k: v for k, v in load_training("twice").items() if k not in ("dose", "scaling")}
    (house / "training" / "twice.yaml").write_text(yaml.safe_dump(card))
    refused(lambda: pretrain_source("twice"), CardError, "field 'dose' is missing: see data/training/unetr.yaml")
    assert not (house / "weights").exists()
    assert not (house / "cache").exists()


def test_a_scanner_that_was_no_source_is_named_with_those_that_were(house):
    message = "no source network 'unetr-gemeni' (cvt-gan-gemini, unetr-gemini). Did you mean 'unetr-gemini'?"
    refused(lambda: source_name("unetr", "gemeni"), CardError, message, "write a training card")
    refused(lambda: source_name("unetr", "gemini", "shared"), CardError, "'unetr-gemini-shared'")
    write("unetr-gemini-shared", "unetr")
    assert source_name("unetr", "gemini", "shared") == "unetr-gemini-shared"
    (house / "training" / "score-fdg.yaml").write_text("name: score-fdg\nkind: score\n")
    with pytest.raises(CardError):
        source_name("score", "fdg")


def test_weights_that_are_not_the_cards_are_refused(house, asked):
    """Dropout and steps leave every tensor's shape as it is."""
    cure = "run 'petrecon train cvt-gan-gemini'"
    refused(lambda: load_source("cvt-gan-gemini"), MissingError, "cvt-gan-gemini.safetensors", cure)
    path = pretrain_source("cvt-gan-gemini", progress=False)
    assert path == weights_path("cvt-gan-gemini")
    write("cvt-gan-gemini", network={"dropout": 0.1})
    refused(lambda: load_source("cvt-gan-gemini"), InputError, "of other widths than their card", cure)
    write("cvt-gan-gemini", "unetr")
    refused(lambda: load_source("cvt-gan-gemini"), InputError, "of other widths than their card", cure)
    write("cvt-gan-gemini", scaling="each")
    refused(
        lambda: load_source("cvt-gan-gemini"), InputError, "trained with scaling shared, their card says each", cure
    )
    write("cvt-gan-gemini")
    load_source("cvt-gan-gemini")
    path.write_bytes(path.read_bytes()[:-1])
    refused(lambda: load_source("cvt-gan-gemini"), InputError, "their receipt says", cure)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_card_is_named_for_what_it_trains(name):
    card, spec, settings = read_training_card(name)
    suffix = "paper" if name.endswith("-paper") else "shared" if name.endswith("-shared") else ""
    assert source_name(spec.architecture, card["scanner"], suffix) == name
    assert card["scaling"] == settings.scaling == ("shared" if suffix == "shared" else "each")
    assert (settings.patch, settings.objective == "adversarial") == (spec.patch, spec.architecture == "cvt-gan")
    if suffix == "paper":
        assert spec == type(spec).paper()
        assert (card["subjects"], card["profile"]) == (30, "paper")
        assert settings.steps == {"unetr": 1000, "cvt-gan": 750}[spec.architecture]
    else:
        check_fits(settings.patch, load_scanner(card["scanner"]).geometry(card["profile"], 3).image_shape, name)


@pytest.mark.parametrize("kind", [UNETRSpec, CVTGANSpec])
def test_sources_of_one_network_can_be_compared_across_scanners(kind):
    """Every scanner has a source at the laptop's and at the paper's widths; but for scanner and scaling, one recipe."""
    mine = {name: read_training_card(name) for name in SHIPPED if isinstance(read_training_card(name)[1], kind)}
    assert len({card["scanner"] for card, _, _ in mine.values()}) == len(scanner_names()) == 5
    assert len(mine) == 11
    laptop = [mine[name] for name in LAPTOP if name in mine]
    assert len({spec for _, spec, _ in laptop}) == 1
    assert len({replace(settings, scaling="each") for _, _, settings in laptop}) == 1
    assert len({(card["dose"], card["profile"], card["subjects"], card["held_out"]) for card, _, _ in laptop}) == 1
