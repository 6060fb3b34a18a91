"""However a notebook reads a file of the project, the receipt names it, and an edit of it makes the page stale."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import nibabel
import numpy as np
import pytest
from safetensors.numpy import save_file

from petrecon.compendium.runs.receipts import read_receipt, status
from petrecon.compendium.runs.run import plan
from petrecon.compendium.runs.runner import make_run

READS = """# %%
import importlib
import os
import subprocess
import sys
import tempfile

import nibabel
import numpy as np
import pandas as pd

from petrecon import compendium

folder = os.path.join(os.environ["PETRECON_HOME"], "da" + "ta", "x")
open("da" + "ta/x/relative.txt").read()
os.close(os.open(folder + "/descriptor.txt", os.O_RDONLY))
np.memmap(folder + "/mapped.bin", dtype=np.uint8, mode="r").sum()
np.load(folder + "/array.npy", mmap_mode="r").sum()
pd.read_csv(folder + "/table.csv", engine="c")
nibabel.load(folder + "/volume.nii.gz").get_fdata()
open(folder + "/link.txt").read()
outside = os.path.join(tempfile.mkdtemp(), "link")
os.symlink(folder + "/aimed.txt", outside)
open(outside).read()
compendium.profile_sizes("05_" + "other", "quick")
subprocess.run(["cat", folder + "/child.txt"], check=True, capture_output=True)
subprocess.run("cat da" + "ta/x/shell.txt", shell=True, check=True, capture_output=True)
open(folder + "/../../mine/beside.txt", "rb").read()
sys.path.insert(0, "mine")
importlib.import_module("hel" + "per")
importlib.import_module("petrecon.compendium.notebook.alt_text")
open(folder + "/written.txt", "w").close()
os.listdir(folder)

# %%
from petrecon.models.weights import load_weights
load_weights(folder + "/own.safetensors", "line")
"""


@pytest.fixture(scope="module")
def _read_once(_run_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("read") / "project"
    shutil.copytree(_run_once, home)
    (home / "notebooks" / "03_reads.py").write_text(READS, encoding="utf-8")
    x, mine = home / "data" / "x", home / "mine"
    x.mkdir()
    mine.mkdir()
    (home / "data" / "profiles.yml").write_text("05_other: {quick: {n: 1}}\n", encoding="utf-8")
    for name in ("relative", "descriptor", "child", "shell", "aimed", "../../mine/beside"):
        place = x / f"{name}.txt"
        place.write_text("1", encoding="utf-8")
    (x / "mapped.bin").write_bytes(b"123")
    np.save(x / "array.npy", np.ones(3))
    (x / "table.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    nibabel.save(nibabel.Nifti1Image(np.ones((2, 2, 2), np.float32), np.eye(4)), x / "volume.nii.gz")
    (mine / "aim.txt").write_text("1", encoding="utf-8")
    (x / "link.txt").symlink_to(mine / "aim.txt")
    (mine / "helper.py").write_text("A = 1\n", encoding="utf-8")
    save_file({"a": np.ones(1, np.float32)}, x / "own.safetensors", metadata={"kind": "line", "spec": "{}"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PETRECON_HOME", str(home))
        patch.delenv("PETRECON_CACHE", raising=False)
        make_run(plan("03", {}), quiet=True)
    return home


@pytest.fixture
def read(_read_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "project"
    shutil.copytree(_read_once, home, symlinks=True)
    monkeypatch.setenv("PETRECON_HOME", str(home))
    link = home / "data" / "x" / "link.txt"
    link.unlink()
    link.symlink_to(home / "mine" / "aim.txt")
    return home


NAMES = [
    "data data/x/relative.txt",
    "data data/x/descriptor.txt",
    "data data/x/mapped.bin",
    "data data/x/array.npy",
    "data data/x/table.csv",
    "data data/x/volume.nii.gz",
    "data data/x/link.txt",
    "data data/x/aimed.txt",
    "data data/x/child.txt",
    "data data/x/shell.txt",
    "data data/x/own.safetensors",
    "file mine/beside.txt",
    "file mine/helper.py",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_was_read_is_an_input(read: Path, name):
    run = plan("03", {})
    path = read / name.split(" ", 1)[1]
    path.write_bytes(path.read_bytes() + b"\n")
    assert str(status(run)) == f"stale: because {name} changed"
    path.unlink()
    assert f"{name} changed" in status(run).because


def test_nothing_else_is_an_input_but_the_folder_that_was_listed(read: Path):
    run = plan("03", {})
    assert str(status(run)) == "fresh"
    inputs = read_receipt(run.path("receipt"))["inputs"]
    noted = {name for name in inputs if not name.startswith(("module ", "source"))}
    assert noted == {*NAMES, "listing data/x", "profile sizes of 05_other in quick"}
    assert "module petrecon.compendium.notebook.alt_text" in inputs, "a module imported by its name as text"
    assert "data data/x/written.txt" not in inputs
    sizes = read / "data" / "profiles.yml"
    sizes.write_text("# more\n05_other: {quick: {n: 2}}\n", encoding="utf-8")
    assert str(status(run)) == "stale: because profile sizes of 05_other in quick changed"
    sizes.write_text("05_other: {quick: {n: 1}, laptop: {n: 9}}\n", encoding="utf-8")
    (read / "data" / "x" / ".hidden").touch()
    assert str(status(run)) == "fresh"
    (read / "data" / "x" / "new.txt").touch()
    assert str(status(run)) == "stale: because listing data/x changed"
    (read / "data" / "x" / "new.txt").unlink()
    (read / "data" / "x" / "link.txt").unlink()
    (read / "data" / "x" / "link.txt").symlink_to(read / "notebooks" / "01_toy.py")
    assert str(status(run)) == "stale: because data data/x/link.txt changed", "the link leads elsewhere"


def test_startup_files_and_options_of_the_user_do_not_reach_the_kernel(project: Path, tmp_path: Path, monkeypatch):
    """A startup file of IPython, or of Python, could replace any function without a trace."""
    startup = tmp_path / "ipython" / "profile_default" / "startup" / "00.py"
    startup.parent.mkdir(parents=True)
    for place in (startup, tmp_path / "start.py"):
        place.write_text("import builtins; builtins.CHEATS = True\n", encoding="utf-8")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "start.py"))
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    text = "# %%\nimport builtins\nassert not hasattr(builtins, 'CHEATS')\n\n# %%\ntry:\n    assert False\n"
    text += "except AssertionError:\n    print('asserts')\n"
    (project / "notebooks" / "03_starts.py").write_text(text, encoding="utf-8")
    make_run(plan("03", {}), quiet=True)
    cells = nbformat.read(plan("03", {}).path("notebook"), as_version=4).cells
    assert [output.text for output in cells[-1].outputs] == ["asserts\n"]


def test_a_module_put_before_all_others_is_an_input(project: Path, tmp_path: Path, monkeypatch):
    """`sitecustomize` on PYTHONPATH runs before everything and could replace any function."""
    (tmp_path / "sitecustomize.py").write_text("A = 1\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    make_run(plan("01", {}), quiet=True)
    name = f"file {tmp_path / 'sitecustomize.py'}"
    assert name in read_receipt(plan("01", {}).path("receipt"))["inputs"]
    (tmp_path / "sitecustomize.py").write_text("A = 2\n", encoding="utf-8")
    assert str(status(plan("01", {}))) == f"stale: because {name} changed"
