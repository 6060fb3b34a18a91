"""Training cards."""

import pytest

from petrecon.errors import CardError
from petrecon.models.training_cards import load_training, training_names


def test_every_shipped_card_loads():
    assert {"score-fdg", "score-mk6240"} <= set(training_names())
    for name in training_names():
        assert load_training(name)["name"] == name


def test_an_unknown_training_names_the_nearest():
    with pytest.raises(CardError, match="Did you mean 'score-fdg'"):
        load_training("score-fgd")
