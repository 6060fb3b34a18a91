"""`--label-table` goes with a label map of one's own: part of a run's name, its inputs and what its notebook reads."""

import json

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner

from petrecon.cli import main
from petrecon.compendium.runs import runner
from petrecon.compendium.runs.receipts import status
from petrecon.compendium.runs.run import plan
from petrecon.compendium.runs.runner import make_run
from petrecon.errors import InputError, ParameterError

HEAD = """# %% tags=["parameters"]
anatomy: str = "mni152"

# %%
from petrecon.compendium.notebook.record import record
from petrecon.phantoms import load_anatomy

head = load_anatomy(anatomy)
record("names", ", ".join(sorted(region.name for region in head.regions.values())))
"""
TABLE = "number,name,tissue,side\n1,head,scalp,\n7,putamen,deep-grey,left\n"


@pytest.fixture
def mine(project):
    """A notebook that takes an anatomy, a label map and its table."""
    (project / "notebooks" / "03_head.py").write_text(HEAD, encoding="utf-8")
    data = np.ones((12, 12, 12), np.uint8)
    data[2:4, 5:7, 5:7] = 7
    affine = np.diag([8.0, 8.0, 8.0, 1.0])
    nib.Nifti1Image(data, affine).to_filename(project / "mine.nii.gz")
    (project / "mine.csv").write_text(TABLE, encoding="utf-8")
    return {"anatomy": str(project / "mine.nii.gz"), "label_table": str(project / "mine.csv")}


def test_the_table_is_part_of_the_runs_name_and_command(mine, project):
    run = plan("03", mine)
    stem = run.stem
    assert "__label-table-mine-" in stem
    assert run.command.endswith("--anatomy mine.nii.gz --label-table mine.csv")
    (project / "mine.csv").write_text(TABLE.replace("putamen", "caudate"), encoding="utf-8")
    assert plan("03", mine).stem != stem


def test_the_assumed_table_by_name_is_the_run_without_one(mine):
    plain = plan("03", {"anatomy": mine["anatomy"]})
    assert plan("03", {**mine, "label_table": "freesurfer"}) == plain


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"label_table": "freesurfer"}, "give it with --anatomy my.nii.gz, not with mni152"),
        ({"label_table": "aal"}, "label_table 'aal' is not known (or a .csv file)"),
        ({"label_table": "gone.csv"}, "label_table: there is no file gone.csv"),
    ],
)
def test_a_table_that_goes_with_nothing_is_refused(mine, given, message):
    with pytest.raises(ParameterError) as caught:
        plan("03", given)
    assert message in str(caught.value)


def test_a_notebook_without_an_anatomy_takes_no_table(mine):
    with pytest.raises(ParameterError, match="01_toy has no parameter 'label_table'"):
        plan("01", {"label_table": mine["label_table"]})


def test_a_map_that_needs_a_table_is_refused_before_a_kernel_starts(mine, monkeypatch):
    monkeypatch.setattr(runner, "execute", lambda *args: pytest.fail("a kernel was started"))
    with pytest.raises(InputError, match="--label-table my.csv"):
        make_run(plan("03", {"anatomy": mine["anatomy"]}), quiet=True)


def test_the_notebook_reads_the_map_by_the_table_and_the_receipt_holds_both(mine, project, capsys):
    run = plan("03", mine)
    _, receipt = make_run(run)
    numbers = json.loads(run.path("numbers").read_text(encoding="utf-8"))
    assert numbers["names"]["value"] == "air, head, left-putamen"
    assert {"file mine.csv", "file mine.nii.gz"} <= set(receipt["inputs"])
    assert "mine.nii.gz: 2 numbers read as mine.csv: deep-grey 4 mL, scalp 881 mL" in capsys.readouterr().err
    assert status(run).state == "fresh"
    (project / "mine.csv").write_text(TABLE + "8,more,grey,\n", encoding="utf-8")
    assert status(plan("03", mine)).state == "missing"


def test_the_help_of_a_notebook_that_takes_an_anatomy_names_the_table(mine):
    told = CliRunner().invoke(main, ["run", "03", "--help-parameters"]).stdout
    assert "--label-table freesurfer   what the numbers of your own label map mean" in told


def test_petrecon_labels_shows_what_was_understood(mine, project):
    words = ["labels", mine["anatomy"], "--label-table", mine["label_table"], "--out", str(project / "mine.png")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0
    assert "its numbers read as mine.csv" in result.stdout
    assert "scalp" in result.stdout
    assert (project / "mine.png").is_file()
    wrong = CliRunner().invoke(main, ["labels", mine["anatomy"]])
    assert wrong.exit_code == 2
    assert wrong.stderr.startswith("error: ")
    assert wrong.stderr.count("\n") == 1
