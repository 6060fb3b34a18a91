"""What a run depends on is found by name; only what changes its meaning changes a hash."""

from __future__ import annotations

from pathlib import Path

import pytest

from petrecon.compendium.runs.fingerprints import inputs_of
from petrecon.compendium.runs.run import plan
from petrecon.errors import CardError
from petrecon.provenance import imports
from petrecon.provenance.code import code_hash
from petrecon.provenance.imports import modules_used

BASE = '"""Doc."""\n\n\ndef f(x):\n    """Doc of f."""\n    return x + 1  # note\n'


@pytest.mark.parametrize(
    "edited",
    [
        BASE.replace("Doc of f", "Better words").replace('"""Doc."""', '"""Other."""'),
        BASE.replace("  # note", ""),
        BASE.replace("return x + 1", "return (x\n        + 1)"),
        "# a comment\n" + BASE,
        BASE.replace('    """Doc of f."""\n', ""),
    ],
)
def test_comments_docstrings_and_layout_do_not_change_a_hash(tmp_path: Path, edited):
    first, second = tmp_path / "a.py", tmp_path / "b.py"
    first.write_text(BASE, encoding="utf-8")
    second.write_text(edited, encoding="utf-8")
    assert code_hash(first) == code_hash(second)


@pytest.mark.parametrize(
    "edited",
    [
        BASE.replace("x + 1", "x + 2"),
        BASE.replace("x + 1", "x - 1"),
        BASE.replace("+ 1", "+ 1.0"),
        BASE + "y = 'text'\n",
    ],
)
def test_code_changes_a_hash(tmp_path: Path, edited):
    first, second = tmp_path / "a.py", tmp_path / "b.py"
    first.write_text(BASE, encoding="utf-8")
    second.write_text(edited, encoding="utf-8")
    assert code_hash(first) != code_hash(second)


def test_the_hash_of_known_code_is_pinned(tmp_path: Path):
    """The text that is hashed is ours, so that Python 3.11, 3.12 and 3.13 agree on it."""
    path = tmp_path / "a.py"
    path.write_text(BASE, encoding="utf-8")
    assert code_hash(path)[:16] == "497d52b9a6a5941a"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a package `petrecon` with a facade, a chain of imports and an island."""
    home = tmp_path / "petrecon"
    files = {
        "__init__.py": '"""Top."""\n__version__ = "1"\n',
        "errors.py": "class E(Exception):\n    pass\n",
        "shop/__init__.py": '"""Facade."""\nfrom petrecon.shop.near import near\nfrom .far import far\n'
        '__all__ = ["near", "far"]\n',
        "shop/near.py": "from petrecon.errors import E\n\n\ndef near():\n"
        "    from petrecon.shop import deep\n    return deep, E\n",
        "shop/far.py": "def far():\n    return 1\n",
        "shop/deep.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from petrecon.island import z\n",
        "work/__init__.py": "from petrecon.island import z\nprint(z)\n",
        "work/tool.py": "t = 1\n",
        "island.py": "z = 1\n",
    }
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(imports, "package_dir", lambda: home)
    return home


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from petrecon.shop import near", {"errors", "shop.near", "shop.deep"}),
        ("from petrecon.shop import far", {"shop.far"}),
        ("import petrecon.shop", {"errors", "shop.near", "shop.deep", "shop.far"}),
        ("from petrecon import shop", {"errors", "shop.near", "shop.deep", "shop.far"}),
        ("from petrecon.shop.near import near", {"errors", "shop.near", "shop.deep"}),
        ("from petrecon.work.tool import t", {"work", "work.tool", "island"}),
        ("def f():\n    import petrecon.island", {"island"}),
        ("from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n    import petrecon.island", {"island"}),
        ("import typing\nif typing.TYPE_CHECKING:\n    pass\nelse:\n    import petrecon.island", {"island"}),
        ("import importlib\nimportlib.import_module('petrecon.island')", {"island"}),
        ("import numpy", set()),
    ],
)
def test_imports_are_followed(package, source, expected):
    """Facades are looked through; imports in functions count, imports for type checking do not."""
    assert set(modules_used(source)) == {f"petrecon.{name}" for name in expected}


def test_inputs_are_named(project: Path):
    (project / "data" / "profiles.yml").write_text("01_toy: {quick: {n: 3, table: paper/a.csv}}\n", encoding="utf-8")
    (project / "data" / "paper").mkdir()
    (project / "data" / "paper" / "a.csv").write_text("1\n", encoding="utf-8")
    own = project / "mine.yaml"
    own.write_text("title: mine\n", encoding="utf-8")
    found = inputs_of(plan("01", {"scanner": "hrrt"}), ["data data/scanners/gemini.yaml", "file gone.npy"])
    assert {
        "source",
        "profile sizes",
        "module petrecon.compendium.notebook.record",
        "data data/scanners/hrrt.yaml",
    } <= set(found)
    assert {"data data/paper/a.csv", "data data/scanners/gemini.yaml"} <= set(found)
    assert found["file gone.npy"] == "missing"
    assert "data data/scanners/biograph-mmr.yaml" not in found
    assert f"file {own}" not in found
    assert "data mine.yaml" not in found
    assert "file mine.yaml" in inputs_of(plan("01", {"scanner": str(own)}))


def test_sizes_of_another_notebook_are_inputs_of_the_one_that_reads_them(project: Path):
    text = (project / "notebooks" / "01_toy.py").read_text(encoding="utf-8")
    reads = text + "\n\n# %%\nfrom petrecon.compendium import profile_sizes\n_ = profile_sizes('02_other', 'quick')\n"
    sizes = project / "data" / "profiles.yml"

    def inputs(source: str, n: int) -> dict[str, str]:
        (project / "notebooks" / "01_toy.py").write_text(source, encoding="utf-8")
        sizes.write_text(f"01_toy: {{quick: {{n: 3}}}}\n02_other: {{quick: {{n: {n}}}}}\n", encoding="utf-8")
        return inputs_of(plan("01", {}))

    assert inputs(text, 1) == inputs(text, 2)
    first, second = inputs(reads, 1), inputs(reads, 2)
    assert {k for k in first if first[k] != second[k]} == {"profile sizes of 02_other"}


def test_a_notebook_depends_on_neither_the_runner_nor_the_book(project):
    found = inputs_of(plan("01", {}))
    assert not {f"module petrecon.compendium.{name}" for name in ("runs.runner", "book.build", "runs.receipts")} & set(
        found
    )


def test_a_profile_that_is_not_there_is_named(project: Path):
    (project / "data" / "profiles.yml").write_text("01_toy: {quik: {n: 3}}\n", encoding="utf-8")
    with pytest.raises(CardError, match="'01_toy.quik' is unknown. Did you mean 'quick'"):
        inputs_of(plan("01", {}))
