"""Coverage and ranks of samples whose distribution is known."""

import numpy as np
import pytest

from petrecon.ddip import coverage, rank_histogram, ranks
from petrecon.errors import InputError

DRAW = np.random.default_rng(0)
TRUTH = DRAW.standard_normal(6000)
CENTRES = DRAW.standard_normal(6000)


def _samples(spread=1.0, shift=0.0):
    """Truth and samples both N(0, 1) around a common centre when spread is 1 and shift 0."""
    return CENTRES + shift + spread * np.random.default_rng(1).standard_normal((39, 6000))


def test_samples_from_the_truths_own_distribution_are_calibrated():
    found = coverage(_samples(), CENTRES + TRUTH)
    assert np.allclose(found, [0.5, 0.8, 0.9, 0.95], atol=0.02)
    assert np.allclose(rank_histogram(_samples(), CENTRES + TRUTH), 1.0, atol=0.15)


def test_too_little_spread_is_a_valley_and_covers_too_seldom():
    narrow = _samples(0.5)
    assert coverage(narrow, CENTRES + TRUTH, [0.9])[0] == pytest.approx(0.59, abs=0.03)  # P(|z| < 0.5 · 1.645)
    shares = rank_histogram(narrow, CENTRES + TRUTH)
    assert shares[0] > 2
    assert shares[-1] > 2
    assert shares[5] < 0.7


def test_too_much_spread_is_a_hump_and_a_bias_a_slope():
    wide, biased = (rank_histogram(_samples(*a), CENTRES + TRUTH) for a in ((2.0, 0.0), (1.0, 1.0)))
    assert wide[0] < 0.5 < 1.3 < wide[5]
    assert biased[0] > 2 > 0.5 > biased[-1]


def test_ranks_count_the_samples_below_and_draw_ties():
    samples = np.array([[0.0, 1.0, 2.0], [3.0, 1.0, 2.0], [5.0, 1.0, 9.0]])
    assert ranks(samples, np.array([4.0, 0.0, 10.0])).tolist() == [2, 0, 3]
    tied = ranks(np.zeros((3, 4000)), np.zeros(4000))
    assert np.allclose(np.bincount(tied) / 4000, 0.25, atol=0.03)


def test_unfit_samples_are_refused():
    with pytest.raises(InputError, match="do not belong together"):
        ranks(np.zeros((5, 3)), np.zeros(4))
    with pytest.raises(InputError, match="do not belong together"):
        coverage(np.zeros((50, 3)), np.zeros(4))
    with pytest.raises(InputError, match=r"5 samples have no central interval of 0.9"):
        coverage(np.zeros((5, 3)), np.zeros(3), [0.9])
