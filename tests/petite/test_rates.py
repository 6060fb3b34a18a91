"""`climb` finds the top of a hill that has one, looks at both sides of it, and asks no point twice."""

import pytest

from petrecon.errors import ParameterError
from petrecon.studies.petite_rates import search_uphill

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
