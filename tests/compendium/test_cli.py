"""The command: one line for a user's mistake, exit codes, and no kernel before everything is checked."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from petrecon.cli import main
from petrecon.compendium import runner


@pytest.fixture
def petrecon():
    return lambda *words: CliRunner().invoke(main, words, catch_exceptions=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "01", "--scaner", "hrrt"], "error: there is no parameter 'scaner'. Did you mean 'scanner'?"),
        (["run", "01", "--dose", "ten"], "error: dose takes a number, got 'ten'"),
        (
            ["run", "01", "--dose=10"],
            "error: dose is a fraction of the scanner's reference exam in (0, 4], got 10",
        ),
        (["run", "01", "--dose", "nan"], "error: dose must be finite, got nan"),
        (["run", "01", "--dose"], "error: --dose needs a value"),
        (["run", "01", "--dose", "1", "--dose", "2"], "error: --dose is given twice"),
        (["run", "01_tooy"], "error: there is no notebook '01_tooy'. Did you mean '01_toy'?"),
        (["run"], "error: name one notebook to run: got none"),
        (["run", "01", "02"], "error: name one notebook to run: got 01, 02"),
        (["rnu"], "there is no command 'rnu'. Did you mean 'run'?"),
        (["reproduce"], "error: data/runs.yml is missing"),
    ],
)
def test_a_mistake_is_one_line_and_starts_nothing(petrecon, project: Path, monkeypatch, words, message):
    monkeypatch.setattr(runner, "execute", lambda *args: pytest.fail("a kernel was started"))
    result = petrecon(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not (project / "book" / "runs").exists()


def test_run_list_verify_compare(petrecon, made: Path):
    result = petrecon("run", "--dose", "0.5", "01", "--scanner=hrrt", "--quiet")
    assert result.exit_code == 0
    path = made / "book" / "runs" / "quick" / "01_toy__hrrt__dose0.5.ipynb"
    assert str(path) in result.stdout
    assert result.stderr == ""
    assert "fresh, not run again" in petrecon("run", "01", "--dose", "0.5", "--scanner", "hrrt").stdout
    assert petrecon("verify").exit_code == 0
    result = petrecon("compare", str(path), str(path.with_name("01_toy__biograph-mmr__dose1.ipynb")))
    assert "scanner: hrrt, biograph-mmr" in result.stdout
    assert "01_toy  A toy notebook" in petrecon("list").stdout
    (made / "data" / "scanners" / "hrrt.yaml").write_text("title: other\n", encoding="utf-8")
    result = petrecon("verify")
    assert result.exit_code == 1
    assert "quick/01_toy__hrrt__dose0.5: stale: because data data/scanners/hrrt.yaml changed" in result.stdout
    assert "3 runs, 2 fresh, 1 not" in result.stdout


def test_list_json_is_the_run_matrix(petrecon, made: Path):
    (made / "data" / "runs.yml").write_text("- {notebook: 01_toy, doses: [1, 0.5]}\n", encoding="utf-8")
    first, second = json.loads(petrecon("list", "--json").stdout)
    assert first["state"] == "fresh"
    assert second["state"] == "missing"
    assert second["command"] == "petrecon run 01_toy --profile quick --scanner biograph-mmr --dose 0.5"
    assert second["outputs"]["receipt"] == "book/runs/quick/01_toy__biograph-mmr__dose0.5.receipt.json"


def test_help_parameters(petrecon, project):
    text = petrecon("run", "01", "--help-parameters").stdout
    assert "--dose 1.0   a fraction of the scanner's reference exam\n      in (0, 4]" in text
    assert "one of biograph-mmr, gemini, hrrt" in text


def test_pairs_check(petrecon, project: Path):
    assert petrecon("pairs", "--check").exit_code == 1
    assert petrecon("pairs").exit_code == 0
    assert petrecon("pairs", "--check").exit_code == 0


def test_a_failing_notebook_exits_1_with_its_traceback(petrecon, project: Path):
    (project / "notebooks" / "05_fails.py").write_text("# %%\nraise ValueError('on purpose')\n", encoding="utf-8")
    result = petrecon("run", "05")
    assert result.exit_code == 1
    assert "error: 05_fails, code cell 1: ValueError: on purpose" in result.stderr


def test_a_full_disk_is_one_line(petrecon, made: Path, monkeypatch):
    from petrecon.compendium import ledger

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "ledger.json")

    monkeypatch.setattr(ledger, "write_json", full)
    result = petrecon("book")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: cannot write ledger.json: the disk is full: free some space")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["run", "reproduce", "list", "verify", "compare", "book", "pairs", "doctor"])
def test_every_command_explains_itself(petrecon, command):
    result = petrecon(command, "--help")
    assert result.exit_code == 0
    assert len(result.stdout) > 150


def test_help_imports_nothing_heavy():
    code = "import sys; from petrecon.cli import main; main(['--help'], standalone_mode=False)"
    code += "; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.rsplit("\n", 2)[-2]
    assert not [
        name for name in ("torch", "numpy", "matplotlib", "papermill", "jupytext", "yaml") if f"'{name}'" in loaded
    ]


def test_a_missing_project_is_named(petrecon, tmp_path, monkeypatch):
    monkeypatch.setenv("PETRECON_HOME", str(tmp_path))
    result = petrecon("run", "01")
    assert result.exit_code == 2
    assert "set PETRECON_HOME" in result.stderr
