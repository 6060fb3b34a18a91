"""The book is built from an empty folder with warnings as errors, checked, and swapped in whole."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from petrecon.compendium.book import render
from petrecon.compendium.book.build import assemble, build
from petrecon.compendium.book.check_html import check_html
from petrecon.compendium.runs.run import plan
from petrecon.compendium.runs.runner import make_run
from petrecon.errors import CardError, MissingError


def test_the_book_is_built_and_a_failed_build_leaves_it(booked: Path):
    """One build that passes, then one with a dead reference: the first book is still there, byte for byte."""
    index = build("quick")
    assert index == booked / "book" / "_build" / "html" / "index.html"
    assert check_html(index.parent) == []
    chapter = (index.parent / "chapters" / "02_pictures.html").read_text(encoding="utf-8")
    for part in ("Fig. 1", "Table 1", 'alt="PSNR rises from 4 dB', "This page’s run", "Receipt of this page"):
        assert part in chapter, part
    assert "Not run yet" in (index.parent / "chapters" / "01_toy.html").read_text(encoding="utf-8")
    assert (index.parent / "gallery" / "01_toy-biograph-mmr-dose1.html").is_file()
    home = index.read_text(encoding="utf-8")
    assert "_images/02_pictures-line.png" in home
    assert "Fig. 1" in home, "a reference from prose to a figure of a notebook"
    page = booked / "book" / "index.md"
    page.write_text(page.read_text(encoding="utf-8") + "\n{ref}`nowhere`\n", encoding="utf-8")
    with pytest.raises(MissingError, match="nowhere"):
        build("quick")
    assert index.read_text(encoding="utf-8") == home


def test_assembly(booked: Path, tmp_path: Path):
    source = assemble("quick", tmp_path / "source")
    toc = yaml.safe_load((source / "_toc.yml").read_text(encoding="utf-8"))
    first = toc["parts"][0]["chapters"][0]
    assert first["sections"] == [{"file": "gallery/01_toy-biograph-mmr-dose1", "title": "biograph-mmr, dose 1"}]
    assert (source / "chapters" / "02_pictures.ipynb").is_file()
    stub = (source / "chapters" / "01_toy.md").read_text(encoding="utf-8")
    assert stub.startswith("# A toy notebook")
    assert "petrecon run 01_toy --profile quick --scanner hrrt --dose 1" in stub
    assert "title | hrrt" not in stub
    assert "Card of the hrrt" in (source / "scanners.md").read_text(encoding="utf-8")
    assert not (source / "runs").exists()


def test_prose_stands_before_what_is_generated(booked: Path, tmp_path: Path):
    (booked / "book" / "ledger.md").write_text("# The ledger\n\nHow to read it.\n", encoding="utf-8")
    text = (assemble("quick", tmp_path / "source") / "ledger.md").read_text(encoding="utf-8")
    assert text.startswith("# The ledger\n\nHow to read it.\n\n## Claims")


def test_a_gallery_without_pages_goes_from_the_contents(booked: Path, tmp_path: Path):
    (booked / "data" / "runs.yml").write_text("- {notebook: 02_pictures}\n", encoding="utf-8")
    toc = yaml.safe_load((assemble("quick", tmp_path / "source") / "_toc.yml").read_text(encoding="utf-8"))
    assert toc["parts"][0]["chapters"][0] == {"file": "chapters/02_pictures"}


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("_toc.yml", "02_pictures", "02_picturs", "chapters/02_picturs: there is no notebook"),
        ("index.md", "02_pictures/line", "02_pictures/lime", "shows no figure 'lime'. Did you mean"),
    ],
)
def test_what_is_named_must_exist(booked: Path, tmp_path: Path, name, old, new, message):
    path = booked / "book" / name
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(CardError) as caught:
        assemble("quick", tmp_path / "source")
    assert message in str(caught.value)


def test_two_pages_with_one_label_are_refused(booked: Path, tmp_path: Path):
    runs = "- {notebook: 02_pictures}\n- {notebook: 02_pictures, parameters: {seed: 1}, page: gallery}\n"
    (booked / "data" / "runs.yml").write_text(runs, encoding="utf-8")
    run = booked / "book" / "runs" / "quick"
    for path in list(run.glob("02_pictures.*")):
        (run / path.name.replace("02_pictures.", "02_pictures__seed-1.")).write_bytes(path.read_bytes())
    with pytest.raises(CardError, match=r"fig-line is on .* put @RUN@ into its name"):
        assemble("quick", tmp_path / "source")


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"nbformat": 4}'])
def test_a_broken_notebook_is_named_with_its_cure(booked: Path, tmp_path: Path, capsys, content):
    (booked / "book" / "runs" / "quick" / "02_pictures.ipynb").write_text(content, encoding="utf-8")
    _only_02_is_a_stub(booked, tmp_path, capsys, r"02_pictures\.ipynb cannot be read .*")


def _only_02_is_a_stub(booked: Path, tmp_path: Path, capsys, what: str) -> None:
    source = assemble("quick", tmp_path / "source")
    stub = (source / "chapters" / "02_pictures.md").read_text(encoding="utf-8").replace("\\", "")
    assert re.search(f"This page cannot be shown: book/runs/quick/{what}. Make it again:", stub)
    assert "```bash\npetrecon run 02_pictures --profile quick --force\n```" in stub
    assert list((source / "gallery").glob("01_toy-*.ipynb")), "the other pages are there"
    assert "A figure belongs here" in (source / "index.md").read_text(encoding="utf-8")
    said = capsys.readouterr().err
    assert re.search(f"{what}: run `petrecon run 02_pictures --profile quick --force`", said)
    assert said.count("\n") == 1


def test_one_broken_receipt_does_not_stop_the_book(booked: Path, tmp_path: Path, capsys):
    (booked / "book" / "runs" / "quick" / "02_pictures.receipt.json").write_text("{", encoding="utf-8")
    _only_02_is_a_stub(booked, tmp_path, capsys, r"02_pictures\.receipt\.json is not a receipt")


def test_a_figure_in_prose_says_when_it_is_stale(booked: Path, tmp_path: Path):
    assert "This figure is" not in (assemble("quick", tmp_path / "a") / "index.md").read_text(encoding="utf-8")
    source = booked / "notebooks" / "02_pictures.py"
    source.write_text(source.read_text(encoding="utf-8") + "\n# more\n", encoding="utf-8")
    text = (assemble("quick", tmp_path / "b") / "index.md").read_text(encoding="utf-8")
    assert "```{image}" in text
    assert "This figure is stale." in text
    assert "* source changed" in text


def test_an_incremental_book_is_the_one_made_from_nothing_and_an_unchanged_one_is_not_made(booked: Path, monkeypatch):
    """Every file is compared, after an edit that renumbers the figure that another page refers to."""
    index = build("quick")
    with monkeypatch.context() as patch:
        patch.setattr(render.subprocess, "run", None)  # nothing is rendered
        assert build("quick") == index
    page = booked / "book" / "index.md"
    figure = "```{figure} chapters.png\n:name: fig-own\nA caption.\n```\n"
    (booked / "book" / "chapters.png").write_bytes((index.parent / "_images" / "02_pictures-line.png").read_bytes())
    page.write_text(page.read_text(encoding="utf-8") + "\n" + figure.replace("own\n", "own\n:alt: some picture\n"))
    incremental = _bytes_of(build("quick").parent)
    shutil.rmtree(booked / "book" / "_build")
    assert _bytes_of(build("quick").parent) == incremental
    assert b"Fig. 2" in incremental[Path("chapters/02_pictures.html")]


def _bytes_of(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


READS = """# %% [markdown]
# # Reads

# %%
from petrecon.compendium import load_numbers, record
record("again", load_numbers("01", dose=1.0)["psnr"]["value"])
"""


def test_a_page_names_the_runs_that_it_read_with_links_to_their_pages(booked: Path, tmp_path: Path):
    """From a number that comes from another run it is one step to the page that records it."""
    (booked / "notebooks" / "04_reads.py").write_text(READS, encoding="utf-8")
    runs = booked / "data" / "runs.yml"
    runs.write_text(runs.read_text(encoding="utf-8") + "- {notebook: 04_reads}\n", encoding="utf-8")
    toc = booked / "book" / "_toc.yml"
    text = toc.read_text(encoding="utf-8")
    toc.write_text(
        text.replace("      - file: chapters/01_toy\n", "      - file: chapters/04_reads\n"), encoding="utf-8"
    )
    make_run(plan("04", {}), quiet=True)
    source = assemble("quick", tmp_path / "source")
    cells = json.loads((source / "chapters" / "04_reads.ipynb").read_text(encoding="utf-8"))["cells"]
    stem = plan("01", {}).stem
    assert "".join(cells[-2]["source"]) == f"**Read from:** {{doc}}`{stem} </gallery/01_toy-biograph-mmr-dose1>`."
