"""The published hyperparameters, as printed in Table 4."""

import itertools

import pytest

from petrecon.errors import ParameterError
from petrecon.petite.settings import Settings, table4


@pytest.mark.parametrize(
    ("network", "method", "rate", "decay", "optimiser", "schedule", "steps"),
    [
        ("cvt-gan", "full-ft", 1e-3, 1e-5, "adam", "cosine", 300),
        ("cvt-gan", "ssf", 1e-2, 1e-6, "adamw", "cosine", 300),
        ("cvt-gan", "pretraining", 1e-3, 1e-5, "adam", "cosine", 750),
        ("unetr", "lora", 1e-3, 1e-4, "adamw", "warmup-cosine", 400),
        ("unetr", "vpt", 1e-2, 1e-5, "adamw", "cosine", 400),
        ("unetr", "pretraining", 1e-3, 1e-5, "adamw", "warmup-cosine", 1000),
    ],
)
def test_settings_are_those_of_the_printed_table(network, method, rate, decay, optimiser, schedule, steps):
    s = table4(network, method)
    found = (s.learning_rate, s.weight_decay, s.optimiser, s.schedule, s.steps)
    assert found == (rate, decay, optimiser, schedule, steps)
    assert s.objective == {"cvt-gan": "adversarial", "unetr": "mse"}[network]


def test_a_mix_has_the_settings_of_petite_and_any_may_be_changed():
    assert table4("unetr", "lora->ssf") == table4("unetr", "petite")
    assert table4("unetr", "ssf", steps=9, patch=[32, 32, 16]).patch == (32, 32, 16)


def test_schedules_rise_and_fall():
    warm = Settings(steps=100, schedule="warmup-cosine")
    rates = [warm.rate(k) for k in range(100)]
    assert rates[24] < rates[25] == 1.0
    assert rates[0] == pytest.approx(1 / 26)
    assert all(a < b for a, b in itertools.pairwise(rates[:26]))
    assert all(a > b for a, b in itertools.pairwise(rates[25:]))
    assert 0 < rates[-1] < 1e-3
    cosine = Settings(steps=100, schedule="cosine")
    assert (cosine.rate(0), cosine.rate(50)) == (1.0, pytest.approx(0.5))
    assert Settings(schedule="constant").rate(399) == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"crops": 1.5}, "crops is 1.5"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"precision": "float16"}, "precision is 'float16'. Did you mean 'float32'"),
        ({"optimiser": "adamv"}, "optimiser is 'adamv'. Did you mean 'adam"),
        ({"patch": (40, 32, 16)}, "patch is 40x32x16.*multiple of 16"),
        ({"step": 3}, "no setting 'step'. Did you mean 'steps'"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(ParameterError, match=message):
        table4("unetr", "lora", **change)


def test_unknown_rows_are_refused():
    with pytest.raises(ParameterError, match="no architecture 'unet'. Did you mean 'unetr'"):
        table4("unet", "lora")
    with pytest.raises(ParameterError, match="no method in Table 4 'adapter'. Did you mean 'adapters'"):
        table4("unetr", "adapter")
