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
from petrecon.compendium.runs import runner
from petrecon.compendium.runs.run import plan


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
            "error: dose is a fraction of the scanner's reference exam in [0.001, 4], got 10",
        ),
        (["run", "01", "--dose", "nan"], "error: dose must be finite, got nan"),
        (["run", "01", "--dose"], "error: --dose needs a value"),
        (["run", "01", "--seed", "1e300"], ", got 100000000000… (301 digits)"),
        (["run", "01", "--dose", "1", "--dose", "2"], "error: --dose is given twice"),
        (["run", "01_tooy"], "error: there is no notebook '01_tooy'. Did you mean '01_toy'?"),
        (["run"], "error: name one notebook to run: got none"),
        (["run", "01", "02"], "error: name one notebook to run: got 01, 02"),
        (["rnu"], "there is no command 'rnu'. Did you mean 'run'?"),
        (["run", "²"], "error: there is no notebook '²'"),
        (["run", "01", "--scanner", "bad.yaml"], "error: scanner card 'bad': field 'a' is unknown"),
        (["run", "01", "--scanner", "torn.yaml"], "scanner card 'torn' is not valid YAML"),
        (["run", "03", "--anatomy", "torn.nii.gz"], "torn.nii.gz: not a readable NIfTI file"),
        (["reproduce"], "error: data/runs.yml is missing"),
        (["--nothing"], "error: no such option"),
        (["book", "--profile", "huge"], "error: invalid value for '--profile': 'huge' is not one of"),
        (["compare"], "error: missing argument 'FIRST'"),
    ],
)
def test_a_mistake_is_one_line_and_starts_nothing(petrecon, project: Path, monkeypatch, words, message):
    monkeypatch.setattr(runner, "execute", lambda *args: pytest.fail("a kernel was started"))
    monkeypatch.chdir(project)
    (project / "bad.yaml").write_text("a: 1\n", encoding="utf-8")
    (project / "torn.yaml").write_text("{", encoding="utf-8")
    (project / "torn.nii.gz").write_bytes(b"\x1f\x8b\x08")
    head = '# %% tags=["parameters"]\nanatomy: str = "mni152"\n'
    (project / "notebooks" / "03_head.py").write_text(head, encoding="utf-8")
    result = petrecon(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert not (project / "book" / "runs" / "quick").exists()


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
    (made / "data" / "runs.yml").write_text("- {notebook: 01_toy, cross: {dose: [1, 0.5]}}\n", encoding="utf-8")
    first, second = json.loads(petrecon("list", "--json").stdout)
    assert first["state"] == "fresh"
    assert second["state"] == "missing"
    assert second["command"] == "petrecon run 01_toy --profile quick --scanner biograph-mmr --dose 0.5"
    assert second["outputs"]["receipt"] == "book/runs/quick/01_toy__biograph-mmr__dose0.5.receipt.json"


def test_help_parameters(petrecon, project):
    text = petrecon("run", "01", "--help-parameters").stdout
    assert "--dose 1.0   a fraction of the scanner's reference exam\n      in [0.001, 4]" in text
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
    from petrecon.compendium.book import ledger

    def full(*_, **__):
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
    assert "\\b" not in result.stdout


def test_the_overview_keeps_its_lines(petrecon):
    told = petrecon("--help").stdout
    assert "\\b" not in told
    assert "\n  petrecon doctor      " in told
    assert petrecon().stderr.startswith("Usage:"), "without a command, the help"


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        (
            "from petrecon.errors import CardError; raise CardError('card x, field y:\\n  wrong')",
            2,
            "card x, field y: wrong",
        ),
        ("raise OSError(28, 'No space left on device', 'a.npz')", 2, "cannot write a.npz: the disk is full"),
        ("raise OSError(27, 'File too large', 'a.npz')", 2, "cannot write a.npz: a file grew past the size"),
        ("raise OSError(24, 'Too many open files', 'a.npz')", 2, "cannot write a.npz: too many files are open"),
        ("import os; os.kill(os.getpid(), 9)", 1, "05_ends stopped: the kernel died, perhaps out of memory"),
    ],
)
def test_what_a_kernel_tells_is_one_line(petrecon, project: Path, line, code, told):
    (project / "notebooks" / "05_ends.py").write_text(f"# %%\n{line}\n", encoding="utf-8")
    result = petrecon("run", "05", "--quiet")
    assert result.exit_code == code
    assert result.stderr.startswith(f"error: {told}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["book"], ["compare", "A", "A"], ["reproduce"], ["list"]])
@pytest.mark.parametrize(
    ("kind", "content"),
    [("numbers", b'{"psnr": {"val'), ("numbers", None), ("arrays", b""), ("receipt", b'{"schema": 1}')],
)
def test_a_broken_file_is_named_with_its_cure(petrecon, booked: Path, monkeypatch, words, kind, content):
    """Where the file is read: one line, no traceback; where it is only listed, a line that says so."""
    from petrecon.compendium.book import build as book
    from petrecon.compendium.book import reproduce

    run = plan("01", {})
    claim = "{id: foundations/a, paper: foundations, statement: s, rule: {kind: less, than: 1}, units: heads, "
    claim += "computed_by: {notebook: 01_toy, key: psnr}}"
    (booked / "data" / "claims.yml").write_text(f"- {claim}\n", encoding="utf-8")
    monkeypatch.setattr(book, "build", lambda profile: "index.html")
    monkeypatch.setattr(reproduce, "make_all", lambda *_, **__: [])
    path = run.path(kind)
    path.unlink() if content is None else path.write_bytes(content)
    result = petrecon(*(str(run.path("notebook")) if word == "A" else word for word in words))
    if words == ["list"]:
        assert result.exit_code == 0
        assert f"corrupted: {path.name}" in result.stdout
        assert f"run `{run.command} --force`" in result.stdout
    elif kind == "arrays" and words[0] != "compare":
        assert (result.exit_code, result.stderr) == (0, "")
    else:
        stops = words[0] == "compare"
        assert result.exit_code == (2 if stops else 0)
        shown = path if stops else path.relative_to(booked)
        assert result.stderr.startswith(f"{'error' if stops else 'not counted'}: {shown}")
        assert result.stderr.count("\n") == 1
        assert run.command in result.stderr or (words[0], kind) == ("compare", "receipt")


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
