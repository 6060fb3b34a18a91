"""A kernel forked from a warm process leaves the bytes of a fresh interpreter, and is used only where it is safe."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from petrecon.compendium.runs import warm, warm_server
from petrecon.compendium.runs.execute import kernel_environment
from petrecon.compendium.runs.receipts import OUTPUTS, read_receipt
from petrecon.compendium.runs.run import plan
from petrecon.compendium.runs.runner import make_run
from petrecon.compendium.runs.warm import SERVER, large_packages, warm_server_for
from petrecon.errors import ParameterError

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kernels are forked on Linux only")

DRAWS = """# %%
import matplotlib.pyplot as plt
import scipy.ndimage
import seaborn as sns
import sys

from petrecon.compendium import record

sns.set_theme()
plt.plot(scipy.ndimage.gaussian_filter1d([0.0, 1.0, 0.0], 1))
plt.show()
record("peak", 1.5)
print(hash("text"), sys.path[:3], len(sys.argv), __name__)

# %%
plt.plot([3, 2, 1])
"""
TELLS = """# %%
import sys
print(sys.modules.get("torch") is None)
from petrecon.compendium import record
"""


@contextmanager
def _server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the socket of a warm server that kernels of this process use."""
    monkeypatch.setattr(warm, "is_safe", lambda: True)
    with warm_server_for({**os.environ, **kernel_environment()}) as variables:
        monkeypatch.setenv(SERVER, variables[SERVER])
        place = Path(variables[SERVER])
        while not place.exists():
            time.sleep(0.05)
        yield place


def _made(name: str) -> tuple[dict[str, bytes], dict]:
    run = plan(name, {})
    make_run(run, force=True, quiet=True)
    receipt = read_receipt(run.path("receipt"))
    told = {n: receipt[n] for n in ("inputs", "also_read", "edited", "versions", "environment", "threads", "device")}
    return {kind: run.path(kind).read_bytes() for kind in OUTPUTS if run.path(kind).exists()}, told


def test_a_forked_kernel_leaves_the_bytes_and_the_receipt_of_a_fresh_one(project: Path, monkeypatch):
    notebooks = project / "notebooks"
    (notebooks / "02_draws.py").write_text(DRAWS, encoding="utf-8")
    (notebooks / "03_tells.py").write_text(TELLS, encoding="utf-8")
    with _server(monkeypatch):
        warm_runs = {name: _made(name) for name in ("01", "02")}
        files, receipt = _made("03")
    output = json.loads(files["notebook"])["cells"][0]["outputs"][0]["text"]
    assert output == ["False\n"], "it was forked"
    assert "torch" not in receipt["versions"], "the run did not ask for it"
    monkeypatch.setenv(SERVER, "0")
    assert {name: _made(name) for name in ("01", "02")} == warm_runs
    output = json.loads(_made("03")[0]["notebook"])["cells"][0]["outputs"][0]["text"]
    assert output == ["True\n"]


def test_another_environment_gets_an_interpreter_of_its_own(project: Path, monkeypatch):
    """What libraries read when they are imported would be the server's."""
    (project / "notebooks" / "03_tells.py").write_text(TELLS, encoding="utf-8")
    with _server(monkeypatch):
        monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
        cell = json.loads(_made("03")[0]["notebook"])["cells"][0]
    assert cell["outputs"][0]["text"] == ["True\n"]


def test_forking_is_refused_with_its_reason(monkeypatch):
    """Other variables, packages installed meanwhile, modules before all others."""
    server = warm_server.Server(None, ())  # type: ignore[arg-type]
    same = dict(os.environ)
    monkeypatch.setattr(warm_server, "_AT_START", [])
    assert server.why_cold({**same, "PETRECON_RUN": "x", "JPY_PARENT_PID": "1"}) == ""
    assert server.why_cold({**same, "OMP_NUM_THREADS": "17"}) == "OMP_NUM_THREADS differ"
    monkeypatch.setattr(warm_server, "_AT_START", ["/elsewhere/sitecustomize.py"])
    assert server.why_cold(same) == "modules stand before all others"
    server.installed = [0]
    assert server.why_cold(same) == "packages were installed"


def test_a_switch_a_gpu_and_another_system_turn_it_off(monkeypatch):
    monkeypatch.setattr(warm, "glob", lambda pattern: [])
    monkeypatch.delenv(SERVER, raising=False)
    assert warm.is_safe() is not Path("/dev/kfd").exists()
    monkeypatch.setenv(SERVER, "0")
    assert not warm.is_safe()
    with warm_server_for({}) as variables:
        assert variables == {SERVER: "0"}
    monkeypatch.setenv(SERVER, "yes")
    with pytest.raises(ParameterError, match="PETRECON_WARM is 1 or 0"):
        warm.is_safe()
    monkeypatch.setenv(SERVER, "1")
    monkeypatch.setattr(warm, "glob", lambda pattern: ["/dev/nvidia0"])
    assert not warm.is_safe()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not warm.is_safe()


def test_large_packages_are_those_that_a_run_may_import():
    assert large_packages("import numpy") == []
    assert "peft" in large_packages("from peft import LoraConfig")
    assert any(name.startswith("monai.") for name in large_packages("from petrecon.models import unetr"))
