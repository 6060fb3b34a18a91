"""No subject in two places: across scanners, splits and folds."""

import itertools

import pytest

from petrecon.errors import InputError, ParameterError
from petrecon.petite.population import ANATOMIES, LOWERED, check_members, folds, population
from petrecon.phantoms import SPLITS, anatomy_names, load_anatomy
from petrecon.phantoms.regions import base_name
from petrecon.projectors import scanner_names


def test_populations_share_nobody():
    everyone = [
        m.identity for scanner in scanner_names() for split in ANATOMIES for m in population(scanner, split, 45)
    ]
    assert len(set(everyone)) == len(everyone) == 5 * 2 * 45
    assert sorted(itertools.chain(*ANATOMIES.values())) == sorted(anatomy_names())
    assert set(ANATOMIES["train"]) == set(SPLITS["train"])


def test_a_larger_population_only_adds():
    assert population("hrrt", "train", 12)[:5] == population("hrrt", "train", 5)
    assert population("hrrt", "train", 5, seed=1)[0].seed != population("hrrt", "train", 5)[0].seed


def test_findings_differ_between_subjects_and_exist_in_every_head():
    members = population("hrrt", "train", 40)
    healthy = sum(not m.hypometabolic_regions() for m in members)
    assert 5 <= healthy <= 22
    found = {low.region for m in members for low in m.hypometabolic_regions()}
    assert found == set(LOWERED)
    assert all(0.6 <= low.factor <= 0.9 for m in members for low in m.hypometabolic_regions())
    assert members[3].hypometabolic_regions() == members[3].hypometabolic_regions()
    regions = {base_name(r.name) for r in load_anatomy("dk-aseg").regions.values()}
    assert set(LOWERED) <= regions


def test_folds_validate_everyone_once():
    members = population("gemini", "train", 10)
    made = folds(members, 3, seed=2)
    assert sorted(m.number for _, held in made for m in held) == list(range(10))
    for training, held in made:
        assert len(training) + len(held) == 10
        check_members(train=training, validation=held, test=population("gemini", "test", 4))
    assert folds(members, 3, seed=3) != made


def test_leaks_are_refused():
    train, test = population("hrrt", "train", 6), population("hrrt", "test", 3)
    with pytest.raises(InputError, match=r"subject .* is in both the train set and the validation set"):
        check_members(train=train, validation=train[2:3])
    with pytest.raises(InputError, match="is in both the training set and the test set"):
        check_members(train=train, test=population("gemini", "train", 1))
    check_members(train=train, validation=population("gemini", "train", 1), test=test)


def test_unusable_populations_are_refused():
    with pytest.raises(ParameterError, match="Did you mean 'hrrt'"):
        population("hrt", "train", 3)
    with pytest.raises(ParameterError, match="no split 'validate'"):
        population("hrrt", "validate", 3)
    with pytest.raises(ParameterError, match="at least 1"):
        population("hrrt", "train", 0)
    with pytest.raises(ParameterError, match="give 2 to 3 folds"):
        folds(population("hrrt", "train", 3), 4)
