"""Reproducing makes what is stale in order, goes on past a failure, and says so at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from petrecon.compendium.book import build as book
from petrecon.compendium.book import reproduce as reproduce_module
from petrecon.compendium.book.reproduce import make_all, reproduce
from petrecon.compendium.runs.plan import matrix
from petrecon.errors import RunFailed

READS = """# %% [markdown]
# # Reads

# %%
from petrecon.compendium import load_numbers, record

record("again", load_numbers("01")["psnr"]["value"])
"""


def test_order_freshness_failure_and_resumption(made: Path, monkeypatch, capsys):
    """A summary runs after what it reads; a failure skips what needs it; next time only those are made."""
    notebooks = made / "notebooks"
    (notebooks / "04_reads.py").write_text(READS, encoding="utf-8")
    (notebooks / "05_fails.py").write_text("# %%\nraise ValueError('on purpose')\n", encoding="utf-8")
    (notebooks / "06_after.py").write_text("# %%\nx = 1\n", encoding="utf-8")
    (made / "data" / "runs.yml").write_text(
        "- {notebook: 06_after, needs: [05_fails]}\n- {notebook: 05_fails}\n"
        "- {notebook: 04_reads, needs: [01_toy]}\n- {notebook: 01_toy, cross: {dose: [1, 0.5]}}\n"
        "- {notebook: 02_pictures}\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(book, "build", lambda profile: Path("index.html"))
    monkeypatch.setattr(reproduce_module._Children, "book", lambda self, profile: "rendered")
    with pytest.raises(RunFailed, match="2 of 6 runs were not made: 05_fails, 06_after"):
        reproduce("quick")
    told = capsys.readouterr()
    assert "ValueError: on purpose" in told.err
    words = {line.split()[0] + line.split()[2]: line.split()[-1] for line in told.out.splitlines()[1:7]}
    assert (words["01_toy1"], words["02_pictures–"], words["06_after–"]) == ("fresh", "fresh", "skipped")
    assert words["04_reads–"] == "s", "seconds were measured"
    assert told.out.splitlines()[-1] == "book: index.html"
    (notebooks / "05_fails.py").write_text("# %%\nx = 1\n", encoding="utf-8")
    outcome = {entry.run.stem: word for entry, word in make_all(matrix("quick"))}
    assert {stem for stem, word in outcome.items() if word != "fresh"} == {"05_fails", "06_after"}
    assert "failed" not in outcome.values()


def test_a_summary_is_stale_when_what_it_read_changes(made: Path):
    (made / "notebooks" / "04_reads.py").write_text(READS, encoding="utf-8")
    (made / "data" / "runs.yml").write_text(
        "- {notebook: 04_reads, needs: [01_toy]}\n- {notebook: 01_toy}\n", encoding="utf-8"
    )
    make_all(matrix("quick"))
    toy = made / "notebooks" / "01_toy.py"
    toy.write_text(toy.read_text(encoding="utf-8").replace("20 + dose", "30 + dose"), encoding="utf-8")
    assert [word == "fresh" for _, word in make_all(matrix("quick"))] == [False, False]
    assert [word for _, word in make_all(matrix("quick"))] == ["fresh", "fresh"]
