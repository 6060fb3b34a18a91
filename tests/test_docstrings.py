"""What the library's pages promise: every public name says what it takes, and its examples run as written."""

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "petrecon"
PACKAGES = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py") if "__all__" in path.read_text())


def public(package: str) -> list[tuple[str, object]]:
    """Return the callables that a package lists in `__all__`, by name."""
    module = importlib.import_module(f"petrecon.{package}")
    return [(name, getattr(module, name)) for name in module.__all__ if callable(getattr(module, name))]


def takes_arguments(thing: object) -> bool:
    """Return whether a call of it is given anything; an exception's message is its own word."""
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return False
    return bool(set(inspect.signature(thing).parameters) - {"self"})


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_says_what_it_takes(package):
    silent = []
    for name, thing in public(package):
        words = inspect.getdoc(thing) or ""
        if takes_arguments(thing) and not any(
            f"{title}\n{'-' * len(title)}" in words for title in ("Parameters", "Attributes")
        ):
            silent.append(name)
    assert not silent


def test_thirty_public_names_have_an_example():
    shown = [f"{p}.{name}" for p in PACKAGES for name, thing in public(p) if ">>> " in (inspect.getdoc(thing) or "")]
    assert len(shown) >= 30, shown


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(SOURCE.rglob("*.py")) if ">>> " in p.read_text()],
    ids=lambda p: str(p.relative_to(SOURCE)),
)
def test_examples_run_as_written(path):
    name = ".".join(("petrecon", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried
    assert not failed
