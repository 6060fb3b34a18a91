"""What is at work lies beside the pages: a cache may be deleted at any time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from petrecon.compendium.runs.locks import locked
from petrecon.compendium.runs.receipts import status
from petrecon.compendium.runs.run import plan
from petrecon.compendium.runs.runner import make_run
from petrecon.errors import BusyError

WAITS = """# %%
import os
from petrecon.compendium.notebook.record import record
open(os.environ["TOY_PIPE"], "w").close()
open(os.environ["TOY_PIPE"]).read()
record("a", 1)
"""


def test_a_cache_deleted_during_a_run_loses_nothing(project: Path, tmp_path: Path):
    """The page stays locked, and the run ends as if nothing had happened."""
    (project / "notebooks" / "03_waits.py").write_text(WAITS, encoding="utf-8")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (project / ".cache" / "anything").mkdir(parents=True)
    command = [sys.executable, "-m", "petrecon.cli", "run", "03"]
    child = subprocess.Popen(command, env={**os.environ, "TOY_PIPE": str(pipe)}, stderr=subprocess.PIPE, text=True)
    try:
        pipe.read_text()
        shutil.rmtree(project / ".cache")
        with pytest.raises(BusyError):
            make_run(plan("03", {}), quiet=True)
        pipe.write_text("go on")
        _, told = child.communicate()
    finally:
        child.kill()
    assert child.returncode == 0, told
    assert status(plan("03", {})).state == "fresh"


HOLDS = """
import sys, time
from petrecon.compendium.runs.locks import locked
with locked("01_toy", "the page"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lock_names_its_holder_and_is_free_when_the_holder_is_killed(project: Path):
    child = subprocess.Popen([sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "held\n"
        message = f"the page is being written by process {child.pid}: wait for it, or stop it"
        with pytest.raises(BusyError, match=message), locked("01_toy", "the page"):
            pass
    finally:
        child.kill()
        child.communicate()
    with locked("01_toy", "the page"), pytest.raises(BusyError, match=str(os.getpid())), locked("01_toy", "it"):
        pass
