"""The examples in the docstrings of reconstruction run, and print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import petrecon.reconstruct

MODULES = [m.name for m in pkgutil.iter_modules(petrecon.reconstruct.__path__, "petrecon.reconstruct.")]
SHOWN = ["bowsher", "fbp", "filters", "likelihood", "mapem", "mlem", "osem", "quadratic", "relative_difference"]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_print_what_they_say(name):
    module = importlib.import_module(name)
    outcome = doctest.testmod(module)
    assert outcome.failed == 0
    if name.rsplit(".", 1)[-1] in [*SHOWN, "smoothed_tv"]:
        assert outcome.attempted > 0
