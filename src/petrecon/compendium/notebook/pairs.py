"""Pairs: the `.ipynb` beside each notebook source, to run and read anywhere. Generated, one way, never edited."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from petrecon.compendium.notebook.by_hand import unlabelled
from petrecon.compendium.notebook.citations import reference
from petrecon.compendium.notebook.load import PUBLISHED
from petrecon.compendium.notebook.plain_text import generic, plain
from petrecon.compendium.runs.execute import to_notebook
from petrecon.compendium.runs.notebook_source import NotebookSource, sources
from petrecon.paths import notebooks_dir, root
from petrecon.provenance.atomic import atomic_path
from petrecon.yaml_files import read_yaml

_CITED = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")
_PROFILE = re.compile(r'^profile: str = "\w+".*$', re.MULTILINE)
_ROLE = re.compile(r"\{?(\{[a-z][\w:-]*\})\}?(`[^`\n]+`)")
_FOLDED = {"jupyter": {"source_hidden": True, "outputs_hidden": True}}
_FIRST = """\
import importlib.util, os, subprocess, sys  # is the library here? If not, this cell says how to get it
if importlib.util.find_spec("petrecon") is None:
    if "google.colab" not in sys.modules or not (address := os.environ.get("PETRECON_REPOSITORY", "ADDRESS")):
        how = f"clone the compendium's repository and say in it {sys.executable} -m pip install -e ."
        raise ModuleNotFoundError(f"petrecon is missing: {how} (on Colab: name the repository in PETRECON_REPOSITORY)")
    subprocess.run(["git", "clone", "--depth", "1", address, "compendium"], check=True)
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "-e", "compendium"], check=True)
    sys.path.insert(0, os.path.abspath("compendium/src"))
import petrecon.compendium  # before torch, whose waiting threads it puts to sleep"""


def pair(source: NotebookSource) -> Any:
    """Return a source as a notebook for readers outside the book and the runner.

    The same cells in the same order, without outputs; Markdown is plain (see `plain`), nothing in it is true of
    one run only, the cells of a solution are folded, and a first cell says how to install the library. A chapter that
    draws the arrays of other runs starts with the profile whose runs are published, so that the grids agree.
    """
    notebook = to_notebook(source)
    cells, inside = [_first()], False
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = _ROLE.sub(_in_string, unlabelled(cell.source))
            if "parameters" in cell.metadata.get("tags", []) and "load_array" in source.text:
                line = f'profile: str = "{PUBLISHED}"  # whose runs are published: this chapter reads them'
                cell.source = _PROFILE.sub(line, cell.source)
            if inside:
                cell.metadata.update(_FOLDED)
        else:
            inside = "{solution-start}" in cell.source or (inside and "{solution-end}" not in cell.source)
            cell.source = plain(generic(unlabelled(cell.source)))
        cells += [cell] if cell.source.strip() else []
    works = dict.fromkeys(key.strip() for found in _CITED.findall(source.text) for key in found.split(","))
    if works:
        cells.append(_markdown("\n".join(["## References", "", *sorted(f"* {reference(key)}" for key in works)])))
    for index, cell in enumerate(cells):
        cell.id = f"cell-{index:02d}"
    notebook.cells = cells
    return notebook


def sync_pairs(check: bool = False) -> list[Path]:
    """Write `notebooks/*.ipynb` from `notebooks/*.py`: no outputs, the same bytes every time.

    Parameters
    ----------
    check : bool
        True writes nothing.

    Returns
    -------
    list of Path
        The pairs that were out of date: missing, different from their source, or without a source.

    Raises
    ------
    InputError, MissingError
        If a source cites a work that `book/references.bib` does not have, or that file cannot be read.
    """
    import nbformat

    wanted = {source.path.with_suffix(".ipynb"): source for source in sources()}
    behind = []
    for path, source in wanted.items():
        text = nbformat.writes(pair(source)) + "\n"
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        behind.append(path)
        if not check:
            with atomic_path(path) as partial:
                partial.write_text(text, encoding="utf-8")
    for path in sorted(notebooks_dir().glob("*.ipynb")):
        if path not in wanted:
            behind.append(path)
            if not check:
                path.unlink()
    return behind


def _address() -> str:
    """Return the repository's address as `CITATION.cff` gives it, empty when it gives none."""
    path = root() / "CITATION.cff"
    card = read_yaml(path) if path.is_file() else {}
    return str(card.get("repository-code") or "")


def _in_string(role: re.Match[str]) -> str:
    """Return a role inside a string of the code as plain words, or as it is where these would end the string."""
    words = plain(role[1] + role[2])
    return role[0] if re.search(r"[\"'\\{}]", words) else words


def _first() -> Any:
    from nbformat.v4 import new_code_cell

    return new_code_cell(_FIRST.replace("ADDRESS", _address()), metadata={"jupyter": {"source_hidden": True}})


def _markdown(text: str) -> Any:
    from nbformat.v4 import new_markdown_cell

    return new_markdown_cell(text)
