"""The study's rows, each once; one fine-tuning trains what its row says, on subjects that nobody else has."""

import copy
from dataclasses import replace

import pytest
import torch

from petrecon.errors import InputError, ParameterError
from petrecon.models import CVTGANSpec, UNETRSpec, build, build_discriminator
from petrecon.peft import Recipe, apply_recipe, count, fingerprint, mixes, petite_recipe, single_methods, tuning_of
from petrecon.petite.evaluate import score_volumes
from petrecon.petite.fit_network import Fit
from petrecon.petite.infer import predict
from petrecon.petite.population import population
from petrecon.petite.scaling import scaled
from petrecon.petite.settings import table4
from petrecon.petite.sources import SourceNetwork
from petrecon.studies import petite_recipes
from petrecon.studies.petite_recipes import (
    STATISTICS_KEPT,
    ablations,
    fine_tune,
    label,
    row_title,
    same_as,
    uniform,
    variants,
)

PATCH = (32, 32, 16)
SPECS = {
    "unetr": UNETRSpec(patch=PATCH, hidden=16, mlp=32, heads=2, feature=2),
    "cvt-gan": CVTGANSpec(patch=PATCH, channels=8, discriminator_channels=2),
}
ARCHITECTURES = list(SPECS)
WORDS = {"steps": 3, "volumes": 2, "crops": 1}
SETTINGS_OF = {  # learning rate, weight decay, optimiser, schedule: Table 4, by hand
    "unetr": {
        "lora": (1e-3, 1e-4, "adamw", "warmup-cosine"),
        "lora+bitfit": (1e-3, 1e-4, "adamw", "warmup-cosine"),
        "adapters": (1e-2, 1e-4, "adamw", "warmup-cosine"),
        "vpt": (1e-2, 1e-5, "adamw", "cosine"),
        "ssf": (1e-2, 1e-5, "adamw", "cosine"),
        "ssf+bitfit": (1e-2, 1e-5, "adamw", "cosine"),
        "others": (1e-3, 1e-5, "adamw", "warmup-cosine"),
    },
    "cvt-gan": {
        "adapters": (1e-2, 1e-5, "adamw", "cosine"),
        "vpt": (1e-3, 1e-5, "adamw", "cosine"),
        "vpt+bitfit": (1e-3, 1e-5, "adamw", "cosine"),
        "ssf": (1e-2, 1e-6, "adamw", "cosine"),
        "others": (1e-3, 1e-5, "adam", "cosine"),
    },
}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def sources():
    """Untrained networks in the place of pre-trained ones."""
    found = {}
    for name, spec in SPECS.items():
        discriminator = build_discriminator(spec).eval().requires_grad_(False) if name == "cvt-gan" else None
        network = build(spec).eval().requires_grad_(False)
        settings = table4(name, "pretraining", patch=PATCH)
        found[name] = SourceNetwork(name, "hrrt", "shared", "quick", 1.0, spec, settings, network, discriminator)
    return found


@pytest.fixture
def sets(drawn):
    """Two subjects to tune on, and one of the test split."""
    scored = replace(drawn.select([2]), members=tuple(population("gemini", "test", 1)))
    return drawn.select([0, 1]), scored


@pytest.fixture
def untrained(monkeypatch):
    """No training: what it would have been called with."""
    calls = []

    def note(network, pairs, settings, **words):
        calls.append((network, pairs, settings, words))
        return Fit()

    monkeypatch.setattr(petite_recipes, "fit", note)
    return calls


@pytest.fixture
def judges(monkeypatch):
    """The discriminator of every training, and its values before."""
    found, original = [], petite_recipes.fit

    def seen(network, *args, discriminator, **words):
        found.append((discriminator, values(discriminator)))
        return original(network, *args, discriminator=discriminator, **words)

    monkeypatch.setattr(petite_recipes, "fit", seen)
    return found


def values(network):
    """Return parameters (shared ones once) and buffers."""
    named = [] if network is None else [*network.named_parameters(), *network.named_buffers()]
    return {k: v.detach().clone() for k, v in named}


def changed(network, before):
    now = values(network)
    assert now.keys() == before.keys()
    return {k for k, v in now.items() if not torch.equal(v, before[k])}


@pytest.mark.parametrize(("architecture", "rows", "mixed"), [("unetr", 22, 9), ("cvt-gan", 24, 12)])
def test_every_row_of_the_tables_is_there_once(architecture, rows, mixed):
    """Table 1: 9 rows, Table 2: 3 more, 9 or 12 mixes of which one is PETITE, 2 uniform rivals.

    In CVT-GAN, where a method acts on both sides, LoRA on both sides with BitFit is a row of Table 2 already.
    """
    found = variants(architecture)
    assert len(found) == rows
    assert len(set(found.values())) == rows
    groups = single_methods, ablations, uniform, mixes
    assert [len(group(architecture)) for group in groups] == [9, 3, 2, mixed]
    for group in groups:
        for name, recipe in group(architecture).items():
            assert found[same_as(architecture, recipe)] == recipe
            known = {petite_recipe(architecture): "petite"}
            if architecture == "cvt-gan":
                known[Recipe("lora", "lora", bitfit=True)] = "lora+bitfit"
            assert same_as(architecture, recipe) == known.get(recipe, name)
    best = {"unetr": "lora->ssf", "cvt-gan": "vpt->lora"}[architecture]
    assert best not in found
    assert same_as(architecture, mixes(architecture)[best]) == "petite"
    assert list(found)[: len(single_methods(architecture))] == list(single_methods(architecture))


def test_ablations_and_rivals_are_what_their_names_say():
    assert ablations("unetr") == {
        "lora+bitfit": Recipe("lora", None, bitfit=True),
        "ssf+bitfit": Recipe("ssf", None, bitfit=True),
        "petite-bitfit": Recipe("lora", "ssf"),
    }
    assert ablations("cvt-gan") == {
        "vpt+bitfit": Recipe("vpt", None, bitfit=True),
        "lora+bitfit": Recipe("lora", "lora", bitfit=True),
        "petite-bitfit": Recipe("vpt", "lora"),
    }
    assert uniform("unetr") == {f"{m}->{m}": Recipe(m, m, bitfit=True) for m in ("lora", "ssf")}
    assert uniform("cvt-gan") == {f"{m}->{m}": Recipe(m, m, bitfit=True) for m in ("vpt", "lora")}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_rows_have_names_to_print(architecture):
    rows = variants(architecture)
    labels = [label(name, recipe) for name, recipe in rows.items()]
    assert len(set(labels)) == len(rows)
    assert all(text.isprintable() and text.strip() == text and "None" not in text for text in labels)
    named = dict(zip(rows, labels, strict=True))
    assert (named["no-ft"], named["petite"], named["petite-bitfit"]) == ("No-FT", "PETITE", "PETITE without BitFit")
    assert (named["lora"], named["lora+bitfit"]) == ("LoRA", "LoRA + BitFit")
    assert (named["ssf->lora"], named["adapters->lora"]) == ("SSF → LoRA", "Adapters → LoRA")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_without_fine_tuning_the_source_predicts(sources, sets, judges, architecture):
    """Bit for bit, once its weights lie in memory as `fit` puts them (the order of additions depends on that)."""
    source, (pairs, scored) = sources[architecture], sets
    before = values(source.discriminator)
    tuned = fine_tune(source, "no-ft", Recipe(), pairs, scored, **WORDS)
    (short,) = scaled(scored, "shared", ("short",))
    expected = predict(source.generator_and_discriminator()[0].to(memory_format=torch.channels_last_3d), short, PATCH)
    assert torch.equal(tuned.predicted, expected)
    torch.testing.assert_close(expected, predict(source.network, short, PATCH))
    assert tuned.scores == score_volumes(expected, scored, "shared")
    assert (tuned.trained, tuned.per_cent, tuned.fit.history) == (0, 0.0, [])
    assert fingerprint(tuned.network) == fingerprint(source.network)
    if before:
        ((discriminator, _),) = judges
        assert not changed(discriminator, before)


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        *(("unetr", name) for name in ("petite", "bitfit", "full-ft")),
        *(("cvt-gan", name) for name in ("petite", "layernorm", "full-ft")),
    ],
)
def test_a_row_changes_its_own_parameters_and_the_source_none(sources, sets, judges, architecture, name):
    """Every parameter that the recipe frees, but those of modules that are never called; of the others, none."""
    source, (pairs, _), recipe = sources[architecture], sets, variants(architecture)[name]
    base, judged = values(source.network), values(source.discriminator)
    before = apply_recipe(copy.deepcopy(source.network), recipe)
    tuned = fine_tune(source, name, recipe, pairs, factor=5.0, **WORDS)
    free = {k for k, p in before.named_parameters() if p.requires_grad}
    statistics = {k for k, _ in before.named_buffers()} if name == "full-ft" else set()
    found = changed(tuned.network, values(before))
    assert found - statistics == {k for k in free if ".unused." not in k}
    assert (tuned.trained, tuned.per_cent) == (count(before).trainable, count(before).per_cent)
    assert len(tuned.fit.history) == 3
    assert (tuned.predicted, tuned.scores) == (None, [])
    assert not changed(source.network, base)
    assert not any(p.requires_grad for p in source.network.parameters())
    ((discriminator, start),) = judges
    if architecture == "cvt-gan":
        assert not changed(source.discriminator, judged)
        assert all(torch.equal(v, start[k]) for k, v in judged.items())
        assert all(p.requires_grad == (name == "full-ft") for p in discriminator.parameters())
        assert bool(changed(discriminator, start)) == (name == "full-ft")
        assert all(("discriminator" in row) == (name == "full-ft") for row in tuned.fit.history)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_rows_take_the_settings_of_table_4(sources, sets, untrained, architecture):
    """A multiple of the published learning rate, the source's patch and scaling, and what the call changes."""
    source, (pairs, _) = sources[architecture], sets
    expected = SETTINGS_OF[architecture]
    for name, recipe in variants(architecture).items():
        tuned = fine_tune(source, name, recipe, pairs, factor=3.0, rank=2, seed=7, steps=11)
        network, _, settings, words = untrained.pop()
        rate, decay, optimiser, schedule = expected.get(name, expected["others"])
        assert settings.learning_rate == pytest.approx(3 * rate), name
        assert (settings.weight_decay, settings.optimiser, settings.schedule) == (decay, optimiser, schedule), name
        assert (settings.patch, settings.scaling, settings.seed, settings.steps) == (PATCH, "shared", 7, 11)
        assert settings.objective == {"unetr": "mse", "cvt-gan": "adversarial"}[architecture]
        assert (words["discriminator"] is None) == (architecture == "unetr")
        given = replace(recipe, rank=2) if "lora" in (recipe.encoder, recipe.decoder) else recipe
        assert tuning_of(network).recipe == given, name
        assert tuned.trained == count(network).trainable
    fine_tune(source, "petite", petite_recipe(architecture), pairs, learning_rate=0.5)
    network, _, settings, _ = untrained.pop()
    assert tuning_of(network).recipe == petite_recipe(architecture)
    assert (settings.learning_rate, settings.steps) == (0.5, table4(architecture, "petite").steps)


def other(pairs, **changes):
    """Return a set whose first member is changed."""
    return replace(pairs, members=(replace(pairs.members[0], **changes), *pairs.members[1:]))


@pytest.mark.parametrize(
    ("change", "words", "kind", "message"),
    [
        (lambda pairs, scored: pairs.select([0]), {}, InputError, "is in both the training set and the validation set"),
        (
            lambda pairs, scored: other(scored, anatomy=pairs.members[0].anatomy),
            {},
            InputError,
            "is in both the training set and the test set",
        ),
        (lambda pairs, scored: replace(scored, dose=0.25), {}, InputError, "is at dose 1, the other at 0.25"),
        (lambda pairs, scored: scored, {"factor": 0}, ParameterError, "factor is 0: give the learning rate as"),
        (lambda pairs, scored: scored, {"factor": -1.0}, ParameterError, "factor is -1.0"),
        (lambda pairs, scored: scored, {"factor": float("nan")}, ParameterError, "factor is nan"),
        (lambda pairs, scored: scored, {"rank": 0}, ParameterError, "rank is 0"),
        (lambda pairs, scored: scored, {"steps": 0}, ParameterError, "steps is 0"),
        (lambda pairs, scored: scored, {"epochs": 9}, ParameterError, "a training has no setting 'epochs'"),
        (lambda pairs, scored: scored.select([]), {}, InputError, "the scored set is empty"),
    ],
    ids=["subject", "anatomy", "dose", "zero", "negative", "nan", "rank", "steps", "epochs", "empty"],
)
def test_unusable_studies_are_refused_before_any_training(sources, sets, untrained, change, words, kind, message):
    pairs, scored = sets
    with pytest.raises(kind) as caught:
        fine_tune(sources["unetr"], "petite", petite_recipe("unetr"), pairs, change(pairs, scored), **words)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not untrained


def test_a_validation_set_may_share_anatomies_but_no_subject(sources, sets, untrained):
    pairs, scored = sets
    held = other(scored, split="train", anatomy=pairs.members[0].anatomy)
    fine_tune(sources["cvt-gan"], "no-ft", Recipe(), pairs, held)
    assert untrained[0][3]["validation"] is held


def test_a_source_that_pads_is_tuned_and_scored_on_a_short_grid(sources, sets):
    short = [
        replace(s, **{n: getattr(s, n)[..., :12] for n in ("short", "long", "ideal", "truth", "brain")}) for s in sets
    ]
    recipe = variants("unetr")["bitfit"]
    with pytest.raises(InputError, match="12 voxels along z, fewer than the patch of 32x32x16"):
        fine_tune(sources["unetr"], "bitfit", recipe, *short, **WORDS)
    padding = replace(sources["unetr"], settings=replace(sources["unetr"].settings, pad=True))
    tuned = fine_tune(padding, "bitfit", recipe, *short, **WORDS)
    assert tuned.predicted.shape == short[1].long.shape


def test_every_row_has_a_name():
    assert row_title("unetr", STATISTICS_KEPT) == "Full-FT, statistics kept"
    assert row_title("unetr", "lora+bitfit") == "LoRA + BitFit"
    assert row_title("cvt-gan", "vpt->vpt") == "VPT → VPT"
