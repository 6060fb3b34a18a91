"""Shipped notebooks run in any tool, from any folder, without the runner, in a kernel that knows nothing of us."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import petrecon
from petrecon.compendium.notebook.pairs import pair
from petrecon.compendium.runs.notebook_source import find, sources

PART_ONE = [source.name for source in sources() if source.number < "10"]
OF_THE_OTHER_PARTS = ["14_petite_results", "23_ddip_results", "30_deq_idea"]
SLOW = {"04_regularisation"}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working folder; no variable of the project is set, and only the library can be found."""
    for name in [name for name in os.environ if name.startswith(("PETRECON", "JUPYTER", "TQDM", "MPLBACKEND"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(Path(petrecon.__path__[0]).parent))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def _pair(name: str) -> nbformat.NotebookNode:
    return pair(find(name))


def _outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def _check_shown(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Assert that figures and tables are inline, once each, captioned, in plain words and without warnings."""
    outputs = _outputs(notebook)
    told = [output.get("metadata", {}).get("petrecon") for output in outputs]
    always = [cell.source for cell in notebook.cells if not cell.source.startswith("if ")]
    calls = sum(len(re.findall(r"^\s*(?:show|table|panels|curves)\($", source, re.MULTILINE)) for source in always)
    assert len(list(filter(None, told))) >= calls > 0
    pictures = ["image/png" in output.get("data", {}) for output in outputs]
    assert pictures == [(card or {}).get("kind") == "figure" for card in told], "a figure is shown once, as a picture"
    for output, card, caption in zip(outputs, told, [*outputs[1:], None], strict=True):
        assert output.output_type != "error"
        assert "Warning" not in output.get("text", ""), output
        words = output.get("data", {}).get("text/markdown", "")
        assert not re.search(r"\{[a-z][\w:-]*\}`|@[A-Z_]+@", words), words
        if card:
            assert caption.data["text/markdown"].startswith(f"**{card['kind'].capitalize()}.** ")
    assert list(folder.iterdir()) == [], "nothing is written into the working folder"


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in (*PART_ONE, *OF_THE_OTHER_PARTS)],
)
def test_a_shipped_notebook_runs_from_any_folder_and_shows_its_figures(name, elsewhere):
    from nbclient import NotebookClient

    notebook = _pair(name)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(elsewhere)}})
    client.execute()
    _check_shown(notebook, elsewhere)


def _papermill(elsewhere: Path, name: str, *parameters: str) -> tuple[int, str, nbformat.NotebookNode]:
    place, out = elsewhere.parent / f"{name}.ipynb", elsewhere.parent / "out.ipynb"
    nbformat.write(_pair(name), place)
    words = [sys.executable, "-m", "papermill", str(place), str(out), "--no-progress-bar", *parameters]
    done = subprocess.run(words, cwd=elsewhere, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stderr, nbformat.read(out, as_version=4)


def test_papermill_from_the_command_line_takes_another_scanner(elsewhere):
    code, told, notebook = _papermill(elsewhere, "01_scanners", "-p", "scanner", "hrrt")
    assert code == 0, told
    _check_shown(notebook, elsewhere)
    assert any("Siemens ECAT HRRT" in str(output.get("data", {}).get("text/markdown")) for output in _outputs(notebook))


def test_papermill_with_a_nonsense_scanner_ends_in_one_line_that_names_the_cure(elsewhere):
    code, told, notebook = _papermill(elsewhere, "01_scanners", "-p", "scanner", "hrt")
    assert code != 0
    error = next(output for output in _outputs(notebook) if output.output_type == "error")
    assert error.traceback == ["CardError: unknown scanner 'hrt'. Did you mean 'hrrt'?"]
    assert told.strip().splitlines()[-1] == error.traceback[0]


def test_by_hand_waiting_threads_are_put_to_sleep_before_torch_is_loaded(elsewhere, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    look = "import os, sys, petrecon.compendium; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["passive", "False"]
