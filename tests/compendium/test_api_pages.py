"""Every public name of the library has an entry on a page, and shapes in docstrings are no markup."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

from petrecon.compendium.book.api_pages import PREFIX, api_page, write_api_page
from petrecon.compendium.book.docstrings import escape_shapes
from petrecon.errors import CardError

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "petrecon"


def listed() -> set[str]:
    """Return the packages that the book's contents name."""
    return set(re.findall(rf"{PREFIX}(\w+)", (ROOT / "book" / "_toc.yml").read_text()))


def test_every_package_with_public_names_has_its_page():
    public = {path.parent.name for path in SOURCE.glob("*/__init__.py") if "__all__" in path.read_text()}
    assert listed() == public


@pytest.mark.parametrize("package", sorted(listed()))
def test_every_public_name_has_an_entry(package):
    module = importlib.import_module(f"petrecon.{package}")
    page = api_page(SOURCE / package)
    entries = re.findall(r"^\.\. (autoclass|autofunction|data):: (\w+)$", page, re.MULTILINE)
    assert sorted(name for _, name in entries) == sorted(module.__all__)
    for kind, name in entries:
        public = getattr(module, name)
        wanted = "autoclass" if inspect.isclass(public) else "autofunction" if callable(public) else "data"
        assert kind == wanted, name


def test_a_constant_keeps_the_words_below_it():
    page = api_page(SOURCE / "petite")
    assert re.search(r"\.\. data:: DRIFT\n\n   Growth of the", page)


def test_a_docstring_that_changes_changes_the_page(tmp_path):
    """A book that is brought up to date reads again only pages whose text changed."""
    package = tmp_path / "small"
    package.mkdir()
    (package / "__init__.py").write_text('"""Small."""\n__all__ = []\n')
    before = api_page(package)
    (package / "__init__.py").write_text('"""Tiny."""\n__all__ = []\n')
    assert api_page(package) != before


def test_a_page_of_no_package_is_refused(tmp_path):
    with pytest.raises(CardError, match="the library has no package 'projektors'"):
        write_api_page(tmp_path, "api/projektors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("(..., *image_shape)", r"(..., \*image_shape)"),
        ("**changes", r"\*\*changes"),
        ("the *mean* of it", "the *mean* of it"),
        ("``(*grid)`` and `*grid`", "``(*grid)`` and `*grid`"),
        ("d |x|", r"d \|x\|"),
    ],
)
def test_shapes_are_no_markup(text, escaped):
    lines = [text]
    escape_shapes(lines)
    assert lines == [escaped]


def test_formulas_and_examples_are_left_alone():
    lines = [".. math:: a", "   |x| (*b)", "", ">>> f(*args)", "", "|y|"]
    escape_shapes(lines)
    assert lines == [".. math:: a", "   |x| (*b)", "", ">>> f(*args)", "", r"\|y\|"]
