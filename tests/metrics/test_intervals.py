"""Intervals cover what they promise with few units, say what they are over, and are printed in one way."""

from __future__ import annotations

import numpy as np
import pytest

from petrecon.errors import InputError, ParameterError
from petrecon.metrics import Interval, format_interval, interval, jackknife, paired_interval, range_of

TRIALS = 400


def _coverage(n: int, inner: int, donors: float, draws: float = 1.0) -> float:
    """Return how often the interval of the mean holds it: n normal units, each with `inner` normal draws (or none)."""
    rng = np.random.default_rng(n + inner)
    hits = 0
    for _ in range(TRIALS):
        x = rng.normal(0, donors, (n, 1)) + (rng.normal(0, draws, (n, inner)) if inner else 0)
        units = {"donors": np.repeat(range(n), max(inner, 1)).tolist(), "noise draws": [*range(max(inner, 1))] * n}
        found = interval(x.ravel(), units=units, resamples=2000)
        hits += found.low <= 0 <= found.high
    return hits / TRIALS


@pytest.mark.parametrize("n", [5, 8, 12])
@pytest.mark.parametrize(("inner", "donors"), [(0, 1.0), (10, 1.0), (10, 0.2), (10, 0.0)])
def test_the_interval_of_few_units_holds_their_mean_in_about_95_of_100_cases(n, inner, donors):
    """Bar 0.90; a plain percentile has 0.85 at five units. Four standard errors of 400 trials are 0.044."""
    assert 0.915 <= _coverage(n, inner, donors) <= 0.99


def test_noise_draws_of_a_few_donors_are_not_counted_as_independent():
    """Six donors that differ, ten draws each that hardly do: sixty samples would give a third of the width."""
    rng = np.random.default_rng(0)
    x = (rng.normal(0, 1, (6, 1)) + rng.normal(0, 0.01, (6, 10))).ravel()
    nested = interval(x, units={"donors": np.repeat(range(6), 10).tolist(), "noise draws": [*range(10)] * 6})
    flat = interval(x, units="noise draws")
    assert nested.value == pytest.approx(flat.value)
    assert nested.high - nested.low > 2.5 * (flat.high - flat.low)
    assert nested.units == {"donors": 6, "noise draws": 10}


def test_resampling_units_whole_does_not_count_their_inner_noise_twice():
    """Where donors do not differ, the nested interval is that of the donors' means by themselves."""
    x = np.random.default_rng(1).normal(size=(8, 10))
    nested = interval(x.ravel(), units={"donors": np.repeat(range(8), 10).tolist(), "noise draws": [*range(10)] * 8})
    means = interval(x.mean(1), units="donors")
    assert (nested.low, nested.high) == pytest.approx((means.low, means.high))


def test_every_unit_weighs_the_same_however_many_parts_it_has():
    units = {"donors": ["a", "a", "a", "b"], "noise draws": [0, 1, 2, 0]}
    found = interval([1.0, 1.0, 1.0, 3.0], units=units)
    assert (found.value, found.low, found.high) == (2.0, 1.0, 3.0)
    assert found.units == {"donors": 2, "noise draws": 1}


def test_the_order_of_samples_of_the_same_units_does_not_matter():
    x, donors = np.arange(10.0), list("aabbccddee")
    shuffled = np.random.default_rng(0).permutation(10)
    first = interval(x, units={"donors": donors})
    second = interval(x[shuffled], units={"donors": [donors[k] for k in shuffled]})
    assert first.value == second.value
    assert first.low == pytest.approx(second.low, abs=0.2)


def test_fewer_than_five_units_give_their_range_and_one_gives_nothing():
    assert interval([1.0, 4.0, 2.0, 3.0], units="patients").kind == "range"
    assert interval([1.0, 4.0, 2.0, 3.0, 5.0], units="patients").kind == "bootstrap"
    few = interval([0.97, 0.99], units="patients")
    assert (few.low, few.high, few.level) == (0.97, 0.99, None)
    one = interval(np.arange(10.0), units={"donors": ["a"] * 10, "noise draws": [*range(10)]})
    assert (one.kind, one.low, one.known) == ("none", one.value, False)


def test_the_same_samples_give_the_same_interval():
    x = np.random.default_rng(2).normal(size=9)
    assert interval(x, units="seeds") == interval(x, units="seeds")


def test_pairing_removes_what_both_share():
    draw = np.random.default_rng(3)
    shared = draw.normal(0, 10, 40)
    a, b = shared + 1 + draw.normal(0, 0.1, 40), shared
    paired = paired_interval(a, b, units="noise draws")
    alone = interval(a, units="noise draws")
    assert 0.9 < paired.low < paired.value < paired.high < 1.1
    assert (alone.high - alone.low) > 20 * (paired.high - paired.low)


def test_a_statistic_other_than_the_mean_is_resampled_too():
    found = interval(np.arange(101.0), lambda v: float(np.median(v)), units="patients")
    assert found.value == 50.0
    assert 25 < found.low < 50 < found.high < 75
    assert interval(np.arange(4.0), lambda v: float(np.median(v)), units="patients").kind == "none"


def test_the_jackknife_of_a_mean_is_student_s_interval():
    """Leaving one out of n gives the standard error of a mean exactly: s/√n; t(0.975, 5) = 2.5706."""
    x = np.array([1.0, 2.0, 4.0, 7.0, 11.0, 3.0])
    found = jackknife(x, lambda v: float(v.mean()), units="doses")
    half = 2.5706 * x.std(ddof=1) / np.sqrt(6)
    assert (found.low, found.high) == pytest.approx((x.mean() - half, x.mean() + half), abs=1e-3)
    assert found.kind == "jackknife"
    assert jackknife(x[:4], lambda v: float(v.mean()), units="doses").kind == "none"


def test_the_range_of_all_stands_for_a_statement_about_every_one():
    found = range_of([3.0, 1.0, 2.0, 5.0, 4.0], units="scanners", value=1.0)
    assert (found.value, found.low, found.high, found.kind) == (1.0, 1.0, 5.0, "range")
    assert found.units == {"scanners": 5}


@pytest.mark.parametrize(
    ("found", "digits", "sign", "text"),
    [
        (Interval(0.512, -0.677, 1.734, "bootstrap", {"scanner pairs": 5}), 2, True, "+0.51 [−0.68, 1.73]"),
        (Interval(-0.5, -0.6, -0.4, "bootstrap", {"heads": 8}), 1, False, "−0.5 [−0.6, −0.4]"),
        (Interval(0.98, 0.97, 0.99, "range", {"patients": 2}), 2, False, "0.98 (range 0.97 to 0.99 of 2 patients)"),
        (
            Interval(3, 2, 4, "range", {"donors": 2, "noise draws": 10}),
            0,
            True,
            "+3 (range 2 to 4 of 2 donors × 10 noise draws)",
        ),
        (Interval(3, 2, 4, "jackknife", {"doses": 6}), 0, False, "3 [2, 4] (jackknife over 6 doses)"),
        (Interval(-0.001, -0.004, 0.5, "bootstrap", {"heads": 8}), 2, True, "+0.00 [0.00, 0.50]"),
        (Interval(22.314, 22.314, 22.314, "exact"), 2, False, "22.31"),
        (Interval(22.314, 22.314, 22.314, "none", {"bodies": 1}), 2, False, "22.31"),
    ],
)
def test_a_number_is_written_with_what_its_interval_is(found, digits, sign, text):
    assert format_interval(found, digits, sign=sign) == text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interval([], units="patients"), "needs samples"),
        (lambda: interval([1.0, 2.0], units=""), 'units="patients"'),
        (lambda: interval([1.0, 2.0], units={"donors": ["a"]}), "one label for each of the 2 samples"),
        (lambda: interval([1.0, np.nan], units="patients"), "NaN"),
        (lambda: Interval(1, 0, 2, "bootstrapp", {"heads": 5}), "Did you mean 'bootstrap'"),
        (lambda: Interval(1, 2, 0, "range", {"heads": 5}), "from low to high"),
        (lambda: Interval(1, 0, 2, "range"), "names what it is over"),
        (lambda: Interval(1, 0, 2, "range", {"heads": 0}), "counts from one up"),
    ],
)
def test_what_is_no_interval_is_refused_in_one_line(call, message):
    with pytest.raises((InputError, ParameterError)) as caught:
        call()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_unit_stands_beside_the_number_not_behind_the_brackets():
    few, law = Interval(3, 2, 4, "range", {"heads": 2}), Interval(16, -21, 53, "jackknife", {"doses": 6})
    assert format_interval(few, 1, unit="dB") == "3.0 dB (range 2.0 to 4.0 of 2 heads)"
    assert format_interval(few, 1, over=False) == "3.0 (range 2.0 to 4.0)"
    assert format_interval(law, 0, unit="%") == "16 [−21, 53] % (jackknife over 6 doses)"


def test_the_name_of_one_unit():
    texts = [interval([1.0], units=name).over for name in ("patients", "bodies", "noise draws")]
    assert texts == ["1 patient", "1 body", "1 noise draw"]
