"""The examples in the docstrings give what they say."""

import doctest
import importlib

import pytest

MODULES = [
    *(f"petrecon.projectors.{name}" for name in ("projector", "acquisition", "elementary", "scanner")),
    *(f"petrecon.phantoms.{name}" for name in ("subjects", "exams")),
]


@pytest.mark.parametrize("module", MODULES)
def test_an_example_gives_what_it_says(module):
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert tried > 0
    assert failed == 0
