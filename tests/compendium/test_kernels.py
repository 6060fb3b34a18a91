"""A kernel has sockets of its own that only its user reaches, starts in its own time, and ends in one line."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import nbformat
import pytest

from petrecon.compendium.book import reproduce
from petrecon.compendium.runs import kernels
from petrecon.compendium.runs.execute import threads
from petrecon.compendium.runs.kernels import own_kernel, try_to_start
from petrecon.compendium.runs.plan import matrix
from petrecon.compendium.runs.run import plan, runs_dir
from petrecon.compendium.runs.runner import make_run
from petrecon.errors import KernelError, MissingError, ParameterError, RunFailed
from petrecon.paths import cache_dir, working_dir

TELLS = """# %%
import json, os, sys
from pathlib import Path
from petrecon.compendium.notebook.record import record

connection = json.loads(Path(sys.argv[sys.argv.index("-f") + 1]).read_text())
print(connection["transport"], oct(Path(connection["ip"]).parent.stat().st_mode & 0o777))
print(os.environ["OMP_NUM_THREADS"], Path(os.environ["IPYTHONDIR"]).parent == Path(connection["ip"]).parent)
"""


def _notebook(project: Path, name: str, code: str) -> None:
    (project / "notebooks" / f"{name}.py").write_text(code, encoding="utf-8")


def test_a_kernel_talks_over_sockets_that_only_its_user_may_enter(project: Path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    _notebook(project, "03_tells", TELLS)
    make_run(plan("03", {}), quiet=True)
    told = nbformat.read(plan("03", {}).path("notebook"), as_version=4).cells[0].outputs[0].text
    assert told == f"ipc 0o700\n{threads()['OMP_NUM_THREADS']} True\n"


@pytest.mark.parametrize("length", [10, 200])
def test_the_folder_of_a_kernel_is_short_private_and_goes(tmp_path: Path, length):
    """Beside the run when its path is short enough for a socket, else where temporary files go."""
    beside = tmp_path / ("a" * length)
    beside.mkdir()
    with own_kernel(beside, {}) as kernel:
        assert len(os.fsencode(kernel.folder)) < 100
        assert stat.S_IMODE(kernel.folder.stat().st_mode) == 0o700
        assert kernel.has_sockets
    assert not kernel.folder.exists()


def test_a_kernel_starts_over_ports_where_there_are_no_sockets(monkeypatch):
    monkeypatch.setattr(kernels, "_takes_sockets", lambda folder: False)
    assert try_to_start() == "over ports of this machine"


def test_no_kernel_at_all_is_one_line_that_says_why(project: Path, monkeypatch, capfd):
    """What the interpreter said last is the reason, and nothing of it is printed besides."""
    script = "import sys\nfor line in range(70):\n    print(line, file=sys.stderr)\nraise OSError('no room here')\n"
    broken = project / "python"
    broken.write_text(f"#!{sys.executable}\n{script}", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(KernelError) as caught:
        make_run(plan("01", {}), quiet=True)
    assert str(caught.value) == "no kernel can start on this machine (OSError: no room here): say `petrecon doctor`"
    assert capfd.readouterr() == ("", "")
    assert not list(runs_dir("quick").glob("01*"))


def test_reproduce_stops_at_once_when_no_kernel_can_start(project: Path, monkeypatch, tmp_path, capfd):
    """Of five runs two are tried, side by side; the reason is told once."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nif 'ipykernel_launcher' in sys.orig_argv: sys.exit('no room here')\n", encoding="utf-8"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
    (project / "data" / "runs.yml").write_text(
        "- {notebook: 01_toy, cross: {dose: [1, 2, 3, 4, 0.5]}}\n", encoding="utf-8"
    )
    with pytest.raises(KernelError, match="no room here"):
        reproduce.make_all(matrix("quick"))
    told = capfd.readouterr().err
    assert told.count("petrecon run 01_toy") == 2
    assert "no room here" not in told


def test_what_runs_beside_is_stopped_when_no_kernel_can_start(project: Path, monkeypatch):
    def refuse(self, entry):
        raise KernelError("no kernel can start on this machine")

    stopped = []
    monkeypatch.setattr(reproduce._Children, "make", refuse)
    monkeypatch.setattr(reproduce._Children, "stop", lambda self: stopped.append(self))
    (project / "data" / "runs.yml").write_text("- {notebook: 01_toy}\n", encoding="utf-8")
    with pytest.raises(KernelError):
        reproduce.make_all(matrix("quick"))
    assert len(stopped) == 1


@pytest.mark.parametrize(
    ("code", "hours", "told"),
    [
        ("import sys; sys.exit(0)", "1", "03_ends ended before its last cell: take sys.exit out of it"),
        (
            "import time; end = time.monotonic() + 60\nwhile time.monotonic() < end: pass",
            "0.0003",
            "03_ends stopped: it ran for more than 0.0003 h; say PETRECON_TIMEOUT=HOURS",
        ),
    ],
)
def test_a_notebook_that_ends_itself_or_never_is_one_line(project: Path, monkeypatch, code, hours, told):
    monkeypatch.setenv("PETRECON_TIMEOUT", hours)
    _notebook(project, "03_ends", f"# %%\n{code}\n\n# %%\nx = 1\n")
    with pytest.raises(RunFailed) as caught:
        make_run(plan("03", {}), quiet=True)
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)
    assert not list(runs_dir("quick").glob("03*"))


@pytest.mark.parametrize("hours", ["soon", "0", "-1", "nan", "inf", ""])
def test_a_time_limit_that_is_none_is_refused(project: Path, monkeypatch, hours):
    monkeypatch.setenv("PETRECON_TIMEOUT", hours)
    with pytest.raises(ParameterError, match="PETRECON_TIMEOUT is a number of hours, such as 12"):
        make_run(plan("01", {}), quiet=True)


def test_a_cache_that_is_a_file_is_named(project: Path, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    for place in (tmp_path / "file", tmp_path / "file" / "inside"):
        monkeypatch.setenv("PETRECON_CACHE", str(place))
        with pytest.raises(MissingError, match="let PETRECON_CACHE name a folder"):
            cache_dir()


def test_a_run_does_not_need_the_cache(project: Path):
    """`.cache` may be deleted at any time: nothing of a run in the making lies there."""
    code = "# %%\nimport os, shutil\nshutil.rmtree(os.environ['PETRECON_HOME'] + '/.cache', ignore_errors=True)\n"
    _notebook(project, "03_deletes", code)
    (project / ".cache").mkdir()
    assert make_run(plan("03", {}), quiet=True)[0] is True
    assert not (project / ".cache").exists()
    assert working_dir().is_relative_to(project / "book" / "runs")


def test_a_run_uses_its_share_of_the_cores_alone_or_among_others(monkeypatch):
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert threads() == {"OMP_NUM_THREADS": "4", "NUMBA_NUM_THREADS": "4"}
    assert threads(16)["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads()["OMP_NUM_THREADS"] == "3"
