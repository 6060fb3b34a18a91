"""A project small enough to run in seconds: scanners by name, notebooks that do not import torch."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from petrecon.compendium.notebook import by_hand
from petrecon.compendium.notebook import load as other_runs
from petrecon.compendium.notebook import record as results
from petrecon.compendium.runs import vocabulary
from petrecon.compendium.runs.run import plan
from petrecon.compendium.runs.runner import make_run

HERE = Path(__file__).resolve().parents[2]

TOY = """# %% [markdown]
# # A toy notebook
#
# **Time:** 3 s on every profile.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"  # a card
dose: float = 1.0  # fraction of the reference exam
seed: int = 0

# %% tags=["hide-input"]
from petrecon.compendium.notebook.record import record, save_array

# %%
print(object(), "@RUN@", "@SCANNER@ @DOSE@")
record("psnr", unit="dB", samples=[20 + dose, 21 + dose, 22.5 + seed, 21.5, 22, 22.5], units="patients")
save_array("picture", [[dose, 1.0], [2.0, 3.0]], unit="kBq/mL", voxel_size=2.0)
"""

PICTURES = """# %% [markdown]
# # Pictures and tables

# %% tags=["parameters"]
seed: int = 0

# %%
import matplotlib.pyplot as plt
import pandas as pd

from petrecon.compendium import show_text, show, table, trend

fig, ax = plt.subplots()
ax.plot([1, 2, 3], [4.0, 5.0, 6.0])
ax.set(xlabel="iteration", ylabel="PSNR (dB)")
alt = trend([1, 2, 3], [4, 5, 6], "iterations", "PSNR", "dB")
show(fig, name="fig-line", caption="A *line*.", alt=alt, dimensionless=["iteration"])
show_text("The line is in {numref}`fig-line`, the numbers in {numref}`tab-line`.")
table(pd.DataFrame({"n": [1, 2], "PSNR (dB)": [4.0, 5.25]}), name="tab-line", caption="Numbers.")
"""


@pytest.fixture(autouse=True)
def _no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the caller's and nothing noted by an earlier test."""
    for name in ("PETRECON_RUN", "PETRECON_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(results, "_backends", [])
    monkeypatch.setattr(other_runs, "_chosen", {})
    by_hand._own_folder.cache_clear()
    vocabulary._read.cache_clear()


def _write_project(home: Path) -> None:
    for folder in ("data/scanners", "data/tracers", "notebooks", "book"):
        (home / folder).mkdir(parents=True)
    shutil.copy(HERE / "data" / "parameters.yml", home / "data")
    for name in ("hrrt", "biograph-mmr", "gemini"):
        (home / "data" / "scanners" / f"{name}.yaml").write_text(f"title: {name}\n", encoding="utf-8")
    (home / "notebooks" / "01_toy.py").write_text(TOY, encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a fresh project whose only notebook is `01_toy`."""
    home = tmp_path / "project"
    _write_project(home)
    monkeypatch.setenv("PETRECON_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def _run_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose `01_toy` and `02_pictures` were run."""
    home = tmp_path_factory.mktemp("made") / "project"
    _write_project(home)
    (home / "notebooks" / "02_pictures.py").write_text(PICTURES, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PETRECON_HOME", str(home))
        patch.delenv("PETRECON_CACHE", raising=False)
        for notebook in ("01", "02"):
            make_run(plan(notebook, {}), quiet=True)
    return home


@pytest.fixture
def made(_run_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of a project whose `01_toy` and `02_pictures` were run."""
    home = tmp_path / "project"
    shutil.copytree(_run_once, home)
    monkeypatch.setenv("PETRECON_HOME", str(home))
    return home


CONFIG = """title: Toy book
author: nobody
only_build_toc_files: true
execute: {execute_notebooks: "off"}
html: {use_issues_button: false, use_repository_button: false}
sphinx:
  config: {language: en, numfig: true, html_theme: sphinx_book_theme, nb_render_markdown_format: myst}
"""

TOC = """format: jb-book
root: index
parts:
  - caption: Chapters
    chapters:
      - file: chapters/02_pictures
        sections:
          - gallery/01_toy
      - file: chapters/01_toy
  - caption: Evidence
    chapters:
      - file: ledger
      - file: data_and_licences
      - file: scanners
"""


@pytest.fixture
def booked(made: Path) -> Path:
    """Return a project with a book: a chapter that was run, one that was not, and a gallery of one page."""
    (made / "book" / "_config.yml").write_text(CONFIG, encoding="utf-8")
    (made / "book" / "_toc.yml").write_text(TOC, encoding="utf-8")
    index = "# Toy book\n\n@FIGURE:02_pictures/line@\n\nSee {numref}`fig-line` and {doc}`chapters/01_toy`.\n"
    (made / "book" / "index.md").write_text(index, encoding="utf-8")
    runs = "- {notebook: 02_pictures}\n- {notebook: 01_toy, page: gallery}\n"
    runs += "- {notebook: 01_toy, cross: {scanner: [hrrt]}}\n"
    (made / "data" / "runs.yml").write_text(runs, encoding="utf-8")
    return made
