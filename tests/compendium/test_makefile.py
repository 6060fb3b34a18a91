"""What `make` refuses, it refuses before anything is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import numerics

HERE = Path(__file__).resolve().parents[2]
CURE = "say make PYTHON=python3.11 (3.11 to 3.13)"


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_run_without_a_notebook_installs_nothing(tmp_path: Path):
    shutil.copy(HERE / "Makefile", tmp_path)
    command = ["make", "-C", str(tmp_path), "run", "PYTHON=false", "NOTEBOOK="]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "say which notebook: make run NOTEBOOK=03" in done.stderr
    assert not (tmp_path / ".venv").exists()


def _make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(HERE / name, folder)
    return subprocess.run(["make", "-C", str(folder), *words], capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            "version_info = (3, 10, 14)",
            f"error: Python 3.10 is not supported; {CURE}",
        ),
        ("version_info = (3, 14, 0)", f"error: Python 3.14 is not supported; {CURE}"),
        (
            "version_info = (3, 11, 2); sys.modules['ensurepip'] = None",
            "error: this Python makes no environments; on Debian or Ubuntu say apt install python3.11-venv",
        ),
        (
            "version_info = (3, 12, 3); sys.modules['ensurepip'] = sys",  # what a package manager may leave of it
            "error: this Python makes no environments; on Debian or Ubuntu say apt install python3.12-venv",
        ),
    ],
)
def test_a_python_that_will_not_do_is_one_line_before_anything_is_installed(tmp_path: Path, answer, told):
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable} -I\nimport sys; sys.{answer}\nexec(sys.argv[2])\n", encoding="utf-8")
    python.chmod(0o755)
    done = _make(tmp_path, "env", f"PYTHON={python}")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == told
    assert len(done.stderr.splitlines()) == 2, "the line, and make's own"
    assert not (tmp_path / ".venv").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_no_python_at_all_is_one_line(tmp_path: Path):
    done = _make(tmp_path, "env", "PYTHON=no-such-python")
    assert done.stderr.splitlines()[0] == f"error: there is no no-such-python; {CURE}"
    assert not (tmp_path / ".venv").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_help_lists_every_target_that_says_what_it_does(tmp_path: Path):
    told = _make(tmp_path, "help").stdout
    assert re.findall(r"^  make (\S+)", told, re.MULTILINE) == re.findall(
        r"^([a-z][a-z-]*):.*## ", (HERE / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert "make test-numerics" in told


def test_a_setting_of_the_arithmetic_is_the_whole_of_it(monkeypatch):
    """What the caller has set does not leak into a setting, and each has its threads."""
    monkeypatch.setenv("MKL_CBWR", "SSE4_2")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    plain = numerics.environment({"threads": 1})
    assert "MKL_CBWR" not in plain
    assert {plain[name] for name in numerics.THREADS} == {"1"}
    assert numerics.environment({"threads": 2, "MKL_CBWR": "AVX2"})["MKL_CBWR"] == "AVX2"
    found = {(setting.get("MKL_CBWR"), setting["threads"]) for setting in numerics.SETTINGS.values()}
    assert found >= {(code, threads) for code in (None, "COMPATIBLE", "AVX2") for threads in (1, 2)}
