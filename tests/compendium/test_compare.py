"""Two runs are compared by parameters, by numbers with paired intervals, and by images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from petrecon.compendium.book.compare import compare_runs, paired_difference
from petrecon.compendium.runs.run import plan
from petrecon.compendium.runs.runner import make_run
from petrecon.errors import InputError


def test_a_paired_difference_is_surer_than_its_parts():
    """Samples that share their noise: the interval of the difference is narrow and excludes zero."""
    noise = np.random.default_rng(0).normal(0, 5, 30)
    first, second = ({"samples": (noise + k).tolist(), "units": {"noise draws": 30}} for k in (0, 1))
    found = paired_difference(first, second)
    assert found.value == pytest.approx(1)
    assert 0.999 < found.low <= found.high < 1.001


def test_differences_of_noise_draws_of_two_donors_are_two_differences():
    first = {"samples": [0.0] * 20, "units": {"donors": 2, "noise draws": 10}}
    second = first | {"samples": [1.0] * 10 + [3.0] * 10}
    assert str(paired_difference(first, second)) == "2 (range 1 to 3 of 2 donors × 10 noise draws)"


def test_samples_of_what_nobody_declared_have_no_interval():
    assert paired_difference({"samples": [1.0, 2.0]}, {"samples": [2.0, 3.0]}) is None
    few = {"samples": [1.0, 2.0], "units": {"patients": 2}}
    assert paired_difference(few, few | {"units": {"noise draws": 2}}) is None


def test_two_doses(made: Path):
    first, second = plan("01", {}), plan("01", {"dose": 0.5})
    make_run(second, quiet=True)
    told = compare_runs(first.path("notebook"), second.path("notebook"))
    assert "dose: 1.0, 0.5" in told
    assert "scanner" not in told
    assert "psnr: 21.92 → 21.75 dB, paired difference −0.167 [−0.438, 0.105]" in told
    assert "picture: root mean square difference" in told
    picture = second.path("notebook").parent / f"{second.stem}.minus.picture.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_run_does_not_differ_from_itself(made: Path, tmp_path: Path):
    path = plan("01", {}).path("notebook")
    assert compare_runs(path, path, tmp_path).count("no difference") == 3
    assert not list(tmp_path.glob("*.png"))


def test_a_notebook_without_receipt_is_refused(project: Path, tmp_path: Path):
    (tmp_path / "a.ipynb").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="has no receipt beside it"):
        compare_runs(tmp_path / "a.ipynb", tmp_path / "a.ipynb")


def test_pictures_of_two_shapes_are_named_not_subtracted(made: Path):
    first, second = plan("01", {}).path("notebook"), plan("02", {}).path("notebook")
    np.savez(second.with_name("02_pictures.arrays.npz"), picture=np.ones((3, 3)))
    assert "picture: shapes differ, (2, 2) and (3, 3)" in compare_runs(first, second)
