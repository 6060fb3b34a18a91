"""The examples in the docstrings of networks, trainings and their tools run, and print what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "petrecon"
PARTS = ("*.py", "models/*.py", "peft/*.py", "ddip/*.py", "petite/*.py", "deq/*.py")
SHOWN = [path for part in PARTS for path in sorted(SOURCE.glob(part)) if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_examples_print_what_they_say(path):
    name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.failed == 0
    assert outcome.attempted > 0


def test_what_is_used_first_is_shown():
    stems = {f"{path.parent.name}/{path.stem}" for path in SHOWN}
    wanted = "models/diffusion models/score models/build peft/tuning peft/lora petite/fit_network petite/settings"
    assert stems >= {*wanted.split(), "ddip/settings", "deq/train_settings", "petrecon/schedules"}
