import math

import pytest
import torch

from petrecon.errors import InputError
from petrecon.reconstruct import em_ratio, poisson_nll
from petrecon.reconstruct.likelihood import check_counts


def test_nll_equals_the_formula_bin_by_bin():
    y, ybar = torch.tensor([3.0, 0.0, 7.0]), torch.tensor([2.0, 4.0, 7.5])
    expected = sum(b - (a * math.log(b) if a else 0) for a, b in zip(y.tolist(), ybar.tolist(), strict=True))
    assert poisson_nll(y, ybar, 1).item() == pytest.approx(expected, rel=1e-12)


def test_zero_counts_where_nothing_is_expected_cost_nothing():
    assert poisson_nll(torch.zeros(4), torch.zeros(4), 1).item() == 0.0


def test_a_count_where_nothing_is_expected_is_impossible():
    assert poisson_nll(torch.ones(1), torch.zeros(1), 1).item() == math.inf


def test_nll_is_least_at_the_data():
    y = torch.tensor([5.0, 2.0])
    at = poisson_nll(y, y, 1)
    for step in (-0.01, 0.01):
        assert poisson_nll(y, y * (1 + step), 1) > at


def test_ratio_is_zero_where_nothing_is_expected():
    ratio = em_ratio(torch.tensor([2.0, 0.0, 3.0]), torch.tensor([4.0, 0.0, 0.0]))
    assert ratio.tolist() == [0.5, 0.0, 0.0]


@pytest.mark.parametrize(
    ("counts", "word"),
    [
        (torch.ones(3, 4).bool(), "true and false"),
        (torch.ones(3, 4) * 1j, "complex"),
        (torch.ones(3, 4).int(), "whole numbers of type"),
        (torch.ones(3, 5), "shape"),
        (-torch.ones(3, 4), "negative"),
        (torch.full((3, 4), torch.nan), "finite"),
    ],
)
def test_unusable_counts_are_refused(counts, word):
    with pytest.raises(InputError, match=word):
        check_counts(counts, (3, 4))
