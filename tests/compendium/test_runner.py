"""A run is made once, at once or not at all, by one process at a time, and goes on after any end."""

from __future__ import annotations

import errno
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from petrecon.compendium.runs.locks import locked
from petrecon.compendium.runs.receipts import status
from petrecon.compendium.runs.run import plan, runs_dir
from petrecon.compendium.runs.runner import make_run
from petrecon.errors import BusyError, MissingError, RunFailed

BLOCKS = """# %% [markdown]
# # A notebook that waits

# %% tags=["parameters"]
seed: int = 0

# %%
import os
import threading

from petrecon.compendium.notebook.record import record

record("seed", seed)
if "TOY_PIPE" in os.environ:
    with open(os.environ["TOY_PIPE"], "w") as pipe:
        pipe.write(f"{os.getpid()}\\n")
    threading.Event().wait()
"""


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_executed_notebook_has_parameters_results_and_no_times(made: Path):
    notebook = nbformat.read(plan("01", {}).path("notebook"), as_version=4)
    tags = [tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])]
    assert tags == ["parameters", "injected-parameters", "hide-input"]
    assert notebook.cells[-1].outputs[0].text == "<object object at 0x…> biograph-mmr-dose1 biograph-mmr 1\n"
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)
    assert "papermill" not in notebook.metadata
    assert "finish" not in str(notebook)


def test_nothing_changed_nothing_run_and_force_gives_the_same_bytes(made: Path):
    run = plan("02", {})
    before = _bytes(runs_dir("quick"))
    assert make_run(run, quiet=True)[0] is False
    assert make_run(run, quiet=True, force=True)[0] is True
    after = _bytes(runs_dir("quick"))
    same = [name for name in before if not name.endswith(".receipt.json")]
    assert [name for name in same if before[name] != after[name]] == []
    assert sorted(before) == sorted(after)


def test_a_notebook_that_fails_leaves_earlier_results(made: Path, capsys):
    run = plan("02", {})
    before = _bytes(runs_dir("quick"))
    text = run.source.path.read_text(encoding="utf-8")
    run.source.path.write_text(text + "\n# %%\nraise ValueError('on purpose')\n", encoding="utf-8")
    with pytest.raises(RunFailed, match="02_pictures, code cell 4: ValueError: on purpose") as caught:
        make_run(plan("02", {}))
    assert "raise ValueError('on purpose')" in str(caught.value), "the traceback is shown"
    assert "\x1b" not in str(caught.value)
    assert "failed" in capsys.readouterr().err
    assert _bytes(runs_dir("quick")) == before
    assert list((made / "book" / "runs" / ".running" / "work").iterdir()) == []


@pytest.mark.parametrize(("code", "cure"), [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "the disk is read-only")])
@pytest.mark.parametrize("where", ["copyfile", "replace"])
def test_a_full_or_read_only_disk_leaves_nothing_half_written(made: Path, monkeypatch, code, cure, where):
    """The disk fails as results are put in place: the page before is whole, no leftovers lie beside it."""
    from petrecon.compendium.runs import runner

    run = plan("01", {})
    before = _bytes(runs_dir("quick"))
    monkeypatch.setattr(runner, "_make", lambda run, folder, quiet: _copy_outputs(run, folder))

    def fails(source, target):
        raise OSError(code, os.strerror(code), str(target))

    monkeypatch.setattr(*((shutil, "copyfile") if where == "copyfile" else (os, "replace")), fails)
    with pytest.raises(MissingError) as caught:
        make_run(run, force=True)
    monkeypatch.undo()
    assert cure in str(caught.value)
    assert "\n" not in str(caught.value)
    assert _bytes(made / "book" / "runs" / "quick") == before


@pytest.mark.parametrize(("code", "cure"), [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "the disk is read-only")])
def test_a_disk_that_takes_nothing_is_noticed_first(made: Path, monkeypatch, code, cure):
    from petrecon.compendium.runs import runner

    def fails(self, content):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(runner, "execute", lambda *args: pytest.fail("a kernel was started"))
    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises(MissingError, match=f"cannot write {runs_dir('quick')}: {cure}"):
        make_run(plan("01", {}), force=True)


def _copy_outputs(run, folder: Path) -> dict:
    (folder / run.profile).mkdir()
    for kind in ("notebook", "numbers", "arrays", "receipt"):
        (folder / run.profile / run.path(kind).name).write_bytes(b"half")
    return {}


def test_outputs_that_a_run_no_longer_makes_go(made: Path):
    run = plan("01", {})
    text = run.source.path.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("save_array")]
    run.source.path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    make_run(plan("01", {}), quiet=True)
    assert not run.path("arrays").exists()
    assert status(plan("01", {})).state == "fresh"


def test_a_locked_page_is_refused_and_free_again_after(project: Path):
    with locked("a", "page a"):
        with (
            pytest.raises(BusyError, match=f"page a is being written by process {os.getpid()}"),
            locked("a", "page a"),
        ):
            pass
        with locked("b", "page b"):
            pass
    with locked("a", "page a"):
        pass


@pytest.fixture
def waiting(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Start `petrecon run 03` in a process; yield it with its kernel's id when it is in the middle."""
    (project / "notebooks" / "03_waits.py").write_text(BLOCKS, encoding="utf-8")
    make_run(plan("03", {"seed": 1}), quiet=True)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "petrecon.cli", "run", "03"]
    child = subprocess.Popen(
        command,
        env={**os.environ, "TOY_PIPE": str(pipe)},
        stderr=subprocess.PIPE,
        text=True,
        # tests started in the background inherit an ignored Ctrl-C; a reader's terminal does not
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    kernel = int(pipe.read_text())
    yield child, kernel
    child.kill()
    child.communicate()


def _two_numbers(pipe: Path) -> set[int]:
    """Return the two numbers written to a pipe by two processes, one after the other or at once."""
    found: set[int] = set()
    while len(found) < 2:
        found |= {int(word) for word in pipe.read_text().split()}
    return found


def _ends(pid: int, seconds: float = 10) -> bool:
    """Tell whether a process, not necessarily a child, ends in time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def test_killed_runs_leave_no_trace_and_are_made_again(waiting, project: Path):
    """A run's page is locked; after kill −9 the kernel ends, and the next run cleans up and works."""
    child, kernel = waiting
    run = plan("03", {})
    before = _bytes(runs_dir("quick"))
    with pytest.raises(BusyError, match=rf"03_waits \(quick\) is being written by process {child.pid}"):
        make_run(run, quiet=True)
    child.kill()
    child.wait()
    assert _ends(kernel)
    assert _bytes(runs_dir("quick")) == before
    folders = [p.resolve() for p in (project / "book" / "runs" / ".running" / "work").glob("*/quick/kernel")]
    assert len(folders) == 1
    assert [p.name for p in (project / "book" / "runs" / ".running" / "work").iterdir()] == ["quick__03_waits"]
    assert make_run(run, quiet=True)[0] is True
    assert not folders[0].exists(), "wherever the killed kernel's sockets were"
    assert list((project / "book" / "runs" / ".running" / "work").iterdir()) == []
    assert status(run).state == "fresh"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_it_cleans_up_and_keeps_earlier_results(waiting, project: Path, number):
    """Ctrl-C, a scheduler and a terminal that closes: the kernel ends, and the exit code names the signal."""
    child, kernel = waiting
    before = _bytes(runs_dir("quick"))
    child.send_signal(number)
    _, told = child.communicate(timeout=30)
    assert child.returncode == 128 + number
    assert "stopped; finished runs are kept" in told
    assert "Traceback" not in told
    assert _ends(kernel)
    assert list((project / "book" / "runs" / ".running" / "work").iterdir()) == []
    assert _bytes(runs_dir("quick")) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_reproduce_asked_to_stop_leaves_no_child(made: Path, tmp_path: Path, number):
    """Two runs are in the middle; a scheduler tells their parent alone to stop."""
    (made / "notebooks" / "03_waits.py").write_text(BLOCKS, encoding="utf-8")
    (made / "data" / "runs.yml").write_text(
        "- {notebook: 03_waits}\n- {notebook: 03_waits, parameters: {seed: 1}}\n", encoding="utf-8"
    )
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    parent = subprocess.Popen(
        [sys.executable, "-m", "petrecon.cli", "reproduce"],
        env={**os.environ, "TOY_PIPE": str(pipe)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: [signal.signal(signum, signal.SIG_DFL) for signum in (signal.SIGINT, signal.SIGHUP)],
    )
    try:
        kernels = _two_numbers(pipe)
        parent.send_signal(number)
        _, told = parent.communicate(timeout=60)
    finally:
        parent.kill()
    assert parent.returncode == 128 + number
    assert told.splitlines()[-1] == "stopped; finished runs are kept"
    assert "Traceback" not in told
    assert all(_ends(kernel) for kernel in kernels)
    assert list((made / "book" / "runs" / ".running" / "work").iterdir()) == []


def test_files_of_data_that_a_notebook_opens_are_inputs(project: Path):
    """Opened by whatever means: the card's content counts, its comments do not."""
    card = project / "data" / "scanners" / "gemini.yaml"
    text = "# %%\nfrom pathlib import Path\nimport os\nhome = os.environ['PETRECON_HOME']\n"
    text += "_ = Path(home, 'data', 'scanners', 'gem' + 'ini.yaml').read_text()\n"
    (project / "notebooks" / "03_reads.py").write_text(text, encoding="utf-8")
    make_run(plan("03", {}), quiet=True)
    card.write_text("# a comment\n" + card.read_text(encoding="utf-8"), encoding="utf-8")
    assert str(status(plan("03", {}))) == "fresh"
    card.write_text("title: other\n", encoding="utf-8")
    assert str(status(plan("03", {}))) == "stale: because data data/scanners/gemini.yaml changed"
