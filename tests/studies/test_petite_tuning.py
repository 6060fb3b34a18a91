"""The search finds the top of a hill and asks no point twice; what one run records of rates, the next one reads."""

import pytest

from petrecon.errors import InputError, ParameterError, PetreconError
from petrecon.studies import petite_tuning
from petrecon.studies.petite_tuning import (
    factor_of,
    load_factors,
    record_factor,
    record_rate,
    search_rate,
    search_uphill,
)

GRID = [0.1, 0.3, 1, 3, 10, 30, 100]


@pytest.mark.parametrize("top", GRID)
def test_the_top_of_a_single_hill_is_found_and_bracketed(top):
    asked = []

    def score(factor):
        asked.append(factor)
        return -abs(GRID.index(factor) - GRID.index(top))

    tried = search_uphill(score, GRID)
    assert max(tried, key=tried.get) == top
    beside = [GRID[k] for k in (GRID.index(top) - 1, GRID.index(top) + 1) if 0 <= k < len(GRID)]
    assert all(b in tried for b in beside)
    assert len(asked) == len(set(asked)) == len(tried)
    assert list(tried) == sorted(tried)


def test_a_point_that_diverged_is_never_the_best():
    tried = search_uphill(lambda f: -f if f <= 1 else float("-inf"), GRID)
    assert max(tried, key=tried.get) == 0.1


def test_a_grid_of_one_is_that_one():
    assert search_uphill(lambda f: 7.0, [3], 3) == {3.0: 7.0}


@pytest.mark.parametrize(("grid", "start"), [([], 1), ([1, 1], 1), ([3, 1], 1), ([0, 1], 1), ([0.3, 3], 1)])
def test_a_wrong_grid_is_refused(grid, start):
    with pytest.raises(ParameterError, match="grid of learning rates"):
        search_uphill(lambda f: 0.0, grid, start)


def test_a_training_that_diverges_scores_less_than_any_other(monkeypatch):
    def fine_tune(source, row, recipe, pairs, held, *, factor, **settings):
        assert (source, row, settings["seed"]) == ("source", "lora", 3)
        if factor > 1:
            raise PetreconError("the loss is nan")
        return type("Tuned", (), {"scores": [{"psnr": 20.0 + factor}, {"psnr": 22.0 + factor}]})

    monkeypatch.setattr(petite_tuning, "fine_tune", fine_tune)
    assert search_rate("source", "lora", None, None, None, GRID, 1.0, seed=3) == {
        0.3: 21.3,
        1.0: 22.0,
        3.0: float("-inf"),
    }


@pytest.fixture
def recorded(monkeypatch):
    """What is recorded, and read again as the numbers of every run."""
    numbers = {}

    def record(key, value, **words):
        numbers[key] = {"value": value, **words}

    monkeypatch.setattr(petite_tuning, "record", record)
    monkeypatch.setattr(petite_tuning, "load_numbers", lambda notebook, **parameters: dict(numbers))
    return numbers


def test_what_a_search_found_is_read_by_the_runs_after_it(recorded):
    gains = record_rate("lora", {0.3: 21.0, 1.0: 22.5, 3.0: float("-inf")}, 20.0)
    assert gains == {0.3: 1.0, 1.0: 2.5, 3.0: float("-inf")}
    assert set(recorded) == {"gain/lora/0.3", "gain/lora/1", "factor/lora"}
    assert load_factors("unetr", dose=0.05) == {"lora": 1.0}


def test_only_cvt_gan_takes_the_rate_tuned_with_statistics_kept(monkeypatch, recorded):
    record_factor("full-ft", {1.0: 20.0, 3.0: 21.0}, "a note")
    asked = []
    monkeypatch.setattr(
        petite_tuning, "load_numbers", lambda run, **parameters: asked.append((run, parameters)) or dict(recorded)
    )
    assert load_factors("cvt-gan", statistics_kept=True, dose=0.05) == {"full-ft": 3.0}
    assert asked == [
        ("12_petite_tuning", {"network": "cvt-gan", "dose": 0.05}),
        ("18_petite_batches", {"dose": 0.05}),
    ]
    asked.clear()
    load_factors("unetr", statistics_kept=True)
    load_factors("cvt-gan")
    assert [run for run, _ in asked] == ["12_petite_tuning", "12_petite_tuning"]


def test_a_row_has_its_own_factor_and_no_ft_needs_none():
    factors = {"lora": 3.0, "petite": 0.3}
    assert [factor_of(factors, row) for row in ("lora", "petite", "no-ft")] == [3.0, 0.3, 1.0]
    with pytest.raises(InputError, match="the tuning run has no 'petit'. Did you mean 'petite'"):
        factor_of(factors, "petit")
    with pytest.raises(InputError, match="the tuning run has no 'full-ft'"):
        factor_of(factors, "full-ft")


@pytest.mark.parametrize(
    ("row", "expected"),
    [("lora->ssf", 0.3), ("ssf->ssf", 0.3), ("petite-bitfit", 0.3), ("lora+bitfit", 3.0), ("ssf->lora", 7.0)],
)
def test_a_row_without_its_own_factor_takes_that_of_its_settings(row, expected):
    assert factor_of({"petite": 0.3, "lora": 3.0, "ssf->lora": 7.0}, row) == expected
