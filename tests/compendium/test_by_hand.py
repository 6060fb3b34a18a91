"""A notebook outside the runner has its own scratch folder, its own profile, and figures that can be read."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from petrecon.compendium import load_array, load_numbers, record, save_array, show, show_text, table
from petrecon.compendium.notebook import by_hand, shown
from petrecon.compendium.notebook.record import output, output_stem
from petrecon.compendium.runs.run import plan
from petrecon.errors import CardError, InputError, MissingError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "cwd").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path / "cwd")
    plt.close("all")


def _variable(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    monkeypatch.setattr(sys.modules["__main__"], name, value, raising=False)


def test_two_sessions_never_share_a_file_and_nothing_is_written_here(project, monkeypatch, tmp_path):
    before = sorted(project.rglob("*"))
    record("a", 1.0)
    save_array("picture", [1.0, 2.0])
    first = output(".numbers.json")
    monkeypatch.setattr(by_hand.os, "getpid", lambda: -1)
    record("b", 2.0)
    second = output(".numbers.json")
    assert list(json.loads(first.read_text())) == ["a"]
    assert list(json.loads(second.read_text())) == ["b"]
    assert first.parents[2] == second.parents[2] == tmp_path / "tmp"
    assert list((tmp_path / "cwd").iterdir()) == []
    assert sorted(project.rglob("*")) == before


def test_the_user_is_told_once_where_the_numbers_are(project, capsys):
    record("a", 1.0)
    record("b", 2.0)
    told = capsys.readouterr().out
    assert told.count("recorded by hand are kept in") == 1
    assert str(output_stem().parents[1]) in told


def test_profiles_tried_one_after_the_other_are_kept_apart(project, monkeypatch):
    assert output_stem().parent.name == "quick"
    _variable(monkeypatch, "profile", "laptop")
    assert output_stem().parent.name == "laptop"
    _variable(monkeypatch, "profile", "../../elsewhere")
    assert output_stem().parent.name == "quick"


def _line(name: str, caption: str = "A *line*, see {numref}`tab-a`.") -> None:
    fig, ax = plt.subplots()
    ax.plot([1, 2], [3, 4])
    ax.set(xlabel="time (s)", ylabel="PSNR (dB)")
    show(fig, name=name, caption=caption, alt="PSNR rises from 3 dB at 1 to 4 dB at 2 seconds")


def test_run_labels_and_values_are_filled_by_the_library_itself(project, monkeypatch, capsys):
    _variable(monkeypatch, "dose", 0.25)
    _line("fig-a-@RUN@", "At dose @DOSE@ of the @SCANNER@.")
    table(pd.DataFrame({"n": [1]}), name="tab-a-@RUN@", caption="Numbers.")
    show_text("See {doc}`01_toy`.")
    told = capsys.readouterr().out
    assert "**Figure.** At dose 0.25 of the scanner." in told
    assert "**Table.** Numbers." in told
    assert "See [A toy notebook](01_toy.ipynb)." in told


def test_under_the_runner_nothing_is_filled_or_reworded(project, monkeypatch, tmp_path):
    """There the runner has filled the labels before, and the book's own words stay for the book."""
    kept: list[tuple] = []
    monkeypatch.setenv("PETRECON_RUN", str(tmp_path / "quick" / "01_toy"))
    monkeypatch.setattr("IPython.display.display", lambda *data, **words: kept.append((data, words)))
    with pytest.raises(InputError, match="lower-case"):
        _line("fig-a-@RUN@")
    _line("fig-a")
    show_text("{doc}`01_toy` @DOSE@")
    (figure, words), (sentence, _) = kept
    assert list(words["metadata"]) == ["petrecon"]
    assert words["metadata"]["petrecon"]["caption"] == "A *line*, see {numref}`tab-a`."
    assert set(figure[0]) == {"image/png", "text/plain"}
    assert sentence[0].data == "{doc}`01_toy` @DOSE@"


def test_in_a_notebook_a_figure_comes_once_with_its_caption_below_at_a_readable_size(project, monkeypatch):
    kept: list[tuple] = []
    monkeypatch.setattr(shown, "shell", lambda: object())
    monkeypatch.setattr("IPython.display.display", lambda *data, **words: kept.append((data, words)))
    _line("fig-a")
    (figure, words), (caption, _) = kept
    assert "image/png" in figure[0]
    assert words["metadata"]["image/png"] == {"width": 614, "height": 461}, "inches at 96 dots each"
    assert caption[0].data == "**Figure.** A *line*, see the table."
    assert plt.get_fignums() == [], "a figure left open would be shown a second time when the cell ends"


def test_a_user_s_error_is_one_line_in_jupyter():
    assert CardError("unknown\nscanner 'x'")._render_traceback_() == ["CardError: unknown scanner 'x'"]


@pytest.fixture
def published(made: Path) -> Path:
    """Return a project whose runs of `01_toy` are those of the laptop profile only."""
    runs = made / "book" / "runs"
    shutil.move(runs / "quick", runs / "laptop")
    return runs


def test_by_hand_the_published_runs_stand_in_and_a_note_says_so_once(published, capsys):
    assert len(load_numbers("01")["psnr"]["samples"]) == 6
    np.testing.assert_array_equal(load_array("picture", "01", profile="quick"), [[1, 1], [2, 3]])
    told = capsys.readouterr().out
    assert told.count("Read from the published laptop runs of 01_toy") == 1
    assert "`petrecon run 01_toy --profile quick" in told


def test_the_notebook_s_own_profile_is_read_where_it_was_run(published, monkeypatch, capsys):
    _variable(monkeypatch, "profile", "laptop")
    assert len(load_numbers("01")["psnr"]["samples"]) == 6
    assert capsys.readouterr().out == ""


def test_under_the_runner_the_published_runs_never_stand_in(published, monkeypatch, tmp_path):
    monkeypatch.setenv("PETRECON_RUN", str(tmp_path / "quick" / "02_pictures"))
    with pytest.raises(MissingError, match="run `petrecon run 01_toy --profile quick"):
        load_numbers("01")


def test_a_page_by_hand_never_mixes_the_runs_of_two_profiles(published, capsys):
    """Where the first run of a notebook is one's own, a missing one is told and not taken from the published."""
    other = plan("01", {"profile": "laptop", "scanner": "hrrt"})
    shutil.copy(plan("01", {"profile": "laptop"}).path("numbers"), other.path("numbers"))
    own = plan("01", {"profile": "quick"}).path("numbers")
    own.parent.mkdir()
    shutil.copy(other.path("numbers"), own)
    load_numbers("01")
    with pytest.raises(MissingError, match="--scanner hrrt"):
        load_numbers("01", scanner="hrrt")
    assert capsys.readouterr().out == ""
