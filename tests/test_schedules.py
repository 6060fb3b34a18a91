"""Learning rates by their closed forms, and epochs that see every example once."""

import math

import pytest

from petrecon.schedules import cosine, examples_of, warmup_cosine


@pytest.mark.parametrize("steps", [1, 2, 24, 250])
def test_a_cosine_between_two_rates_is_that_of_the_hyperparameters(steps):
    for i in range(steps):
        expected = 0.01 + 0.5 * (0.3 - 0.01) * (1 + math.cos(math.pi * i / max(steps - 1, 1)))
        assert cosine(i, steps - 1, first=0.3, last=0.01) == expected


def test_warming_up_to_a_twentieth_is_the_schedule_of_the_score_network():
    warmup, total = 3, 20
    rates = [warmup_cosine(i, total, warmup, last=0.05) for i in range(total)]
    assert rates[:3] == [1 / 3, 2 / 3, 1.0]
    assert rates[3:] == [0.05 + 0.475 * (1 + math.cos(math.pi * (i - 3) / 17)) for i in range(3, 20)]


def test_warming_up_by_a_quarter_is_the_schedule_of_the_source_networks():
    rates = [warmup_cosine(i, 20, 5, line=6) for i in range(20)]
    assert rates[:5] == [(i + 1) / 6 for i in range(5)]
    assert rates[5:] == [0.5 * (1 + math.cos(math.pi * (i - 5) / 15)) for i in range(5, 20)]
    assert [warmup_cosine(i, 4, 0) for i in range(4)] == [cosine(i, 4) for i in range(4)]


def test_every_example_is_seen_once_per_epoch_in_an_order_of_its_own():
    def epoch(number, seed=1):
        return [v for step in range(3) for v in examples_of(3 * number + step, 7, 3, seed)]

    assert sorted(epoch(0)) == sorted(epoch(1)) == list(range(7))
    assert epoch(0) == epoch(0)
    assert epoch(0) != epoch(1)
    assert epoch(0) != epoch(0, seed=2)
