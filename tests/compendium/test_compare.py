"""Two runs are compared by parameters, by numbers with paired intervals, and by images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from petrecon.compendium.compare import compare_runs, paired_difference
from petrecon.compendium.runner import make
from petrecon.compendium.runs import plan
from petrecon.errors import InputError


def test_a_paired_difference_is_surer_than_its_parts():
    """Samples that share their noise: the interval of the difference is narrow and excludes zero."""
    noise = np.random.default_rng(0).normal(0, 5, 30)
    mean, (low, high) = paired_difference(noise, noise + 1)
    assert mean == pytest.approx(1)
    assert 0.999 < low <= high < 1.001


def test_two_doses(made: Path):
    first, second = plan("01", {}), plan("01", {"dose": 0.5})
    make(second, quiet=True)
    told = compare_runs(first.path("notebook"), second.path("notebook"))
    assert "dose: 1.0, 0.5" in told
    assert "scanner" not in told
    assert "psnr: 21.83 → 21.5 dB, paired difference -0.333 (-0.5 to +0)" in told
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
