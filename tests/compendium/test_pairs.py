"""Pairs are generated one way, the same bytes every time; they read as plain Markdown, and say what they need."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from petrecon.compendium.notebook import pairs
from petrecon.compendium.notebook.pairs import pair, sync_pairs
from petrecon.compendium.runs.notebook_source import NotebookSource, sources
from petrecon.errors import InputError

SOLVED = """# %% [markdown]
# # Solved: @SCANNER@

# %% tags=["parameters"]
scanner: str = "hrrt"
profile: str = "quick"

# %%
from petrecon.compendium import load_array, show
show_text(f"See {{doc}}`01_toy`."), show(fig, name="fig-a-@RUN@")

# %% [markdown]
# ```{exercise} Why?
# :label: ex-@RUN@
#
# Say why.
# ```

# %% [markdown]
# ```{solution-start} ex-@RUN@
# ```
#
# Because.

# %%
1 + 1

# %% [markdown]
# ```{solution-end}
# ```

# %%
2 + 2
"""


def test_pairs_are_reproducible_and_hold_no_outputs(project: Path):
    pair = project / "notebooks" / "01_toy.ipynb"
    assert sync_pairs() == [pair]
    first = pair.read_bytes()
    assert sync_pairs() == []
    pair.unlink()
    sync_pairs()
    assert pair.read_bytes() == first
    notebook = json.loads(first)
    assert all(not cell.get("outputs") for cell in notebook["cells"])
    assert [cell["id"] for cell in notebook["cells"]] == [f"cell-0{index}" for index in range(5)]
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}


def test_check_finds_drift_and_orphans_and_writes_nothing(project: Path):
    source, pair = (project / "notebooks" / f"01_toy.{ending}" for ending in ("py", "ipynb"))
    assert sync_pairs(check=True) == [pair]
    assert not pair.exists()
    sync_pairs()
    before = pair.read_bytes()
    source.write_text(
        source.read_text(encoding="utf-8").replace("dose: float = 1.0", "dose: float = 2.0"), encoding="utf-8"
    )
    orphan = pair.with_name("09_gone.ipynb")
    orphan.write_bytes(before)
    assert sync_pairs(check=True) == [pair, orphan]
    assert pair.read_bytes() == before
    sync_pairs()
    assert not orphan.exists()
    assert sync_pairs(check=True) == []


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.name)
def test_no_shipped_pair_holds_a_word_of_the_book_s_language(source: NotebookSource):
    """No role, directive or run label anywhere, no value of one run in the prose, and code that still parses."""
    for cell in pair(source).cells:
        assert not re.search(r"\{[a-z][\w:-]*\}\}?`|`{3,}\{|:::|@RUN@", cell.source), cell.source
        if cell.cell_type == "code":
            ast.parse(cell.source)
        else:
            assert not re.search("@[A-Z_]+@", cell.source), cell.source


def test_a_pair_says_nothing_that_other_parameters_make_false(project: Path):
    """The title names the parameter, not its default; a page that draws other runs' arrays has their profile."""
    path = project / "notebooks" / "02_solved.py"
    path.write_text(SOLVED, encoding="utf-8")
    cells = [cell.source for cell in pair(NotebookSource(path)).cells]
    assert cells[1] == "# Solved: `scanner`"
    assert cells[2].splitlines()[1].startswith('profile: str = "laptop"')
    assert 'show_text(f"See [A toy notebook](01_toy.ipynb).")' in cells[3]
    assert 'name="fig-a"' in cells[3]


def test_a_solution_is_folded_and_what_follows_it_is_not(project: Path):
    path = project / "notebooks" / "02_solved.py"
    path.write_text(SOLVED, encoding="utf-8")
    cells = pair(NotebookSource(path)).cells
    words = next(cell.source for cell in cells if cell.source.startswith("### Solution"))
    assert "<summary>In words</summary>\n\nBecause.\n\n</details>" in words
    folded = {cell.source: cell.metadata.get("jupyter", {}) for cell in cells}
    assert folded["1 + 1"] == {"source_hidden": True, "outputs_hidden": True}
    assert folded["2 + 2"] == {}
    assert "### Exercise: Why?\n\nSay why." in folded


def test_a_source_that_cites_what_the_bibliography_does_not_have_is_refused(project: Path):
    (project / "book" / "references.bib").write_text("@misc{known, author={A. B.}, title={T}, year={2001}}\n")
    path = project / "notebooks" / "02_cites.py"
    path.write_text("# %% [markdown]\n# # T\n#\n# As {cite:p}`known` says.\n", encoding="utf-8")
    assert "(B. 2001)" in pair(NotebookSource(path)).cells[1].source
    path.write_text("# %% [markdown]\n# # T\n#\n# As {cite:p}`knwon` says.\n", encoding="utf-8")
    with pytest.raises(InputError, match="Did you mean 'known'"):
        pair(NotebookSource(path))


@pytest.fixture
def first_cell(project: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that executes the first cell of a pair where the library is missing, and what it ran."""
    ran: list[list[str]] = []
    cell = pair(sources()[0]).cells[0]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", lambda words, check: ran.append(words))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("PETRECON_REPOSITORY", raising=False)
    return lambda: exec(cell.source, {}), ran


def test_where_the_library_is_missing_the_first_cell_says_how_to_get_it_and_downloads_nothing(first_cell, monkeypatch):
    run, ran = first_cell
    monkeypatch.setenv("PETRECON_REPOSITORY", "https://example.org/compendium")
    with pytest.raises(ModuleNotFoundError) as told:
        run()
    assert f"{sys.executable} -m pip install -e ." in str(told.value)
    assert "\n" not in str(told.value)
    assert ran == []


def test_on_colab_the_first_cell_clones_the_address_that_is_configured_or_says_that_none_is(first_cell, monkeypatch):
    run, ran = first_cell
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    with pytest.raises(ModuleNotFoundError, match="name the repository in PETRECON_REPOSITORY"):
        run()
    assert ran == []
    monkeypatch.setenv("PETRECON_REPOSITORY", "https://example.org/compendium")
    run()
    assert ran[0] == ["git", "clone", "--depth", "1", "https://example.org/compendium", "compendium"]
    assert ran[1][:4] == [sys.executable, "-m", "pip", "install"]


def test_the_first_cell_knows_the_repository_of_the_citation_file(project: Path):
    (project / "CITATION.cff").write_text("repository-code: https://example.org/r\n", encoding="utf-8")
    assert '"PETRECON_REPOSITORY", "https://example.org/r"' in pair(sources()[0]).cells[0].source
    assert pairs._address() == "https://example.org/r"
