"""What `make` refuses, it refuses before anything is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_run_without_a_notebook_installs_nothing(tmp_path: Path):
    shutil.copy(HERE / "Makefile", tmp_path)
    command = ["make", "-C", str(tmp_path), "run", "PYTHON=false", "NOTEBOOK="]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "say which notebook: make run NOTEBOOK=03" in done.stderr
    assert not (tmp_path / ".venv").exists()
