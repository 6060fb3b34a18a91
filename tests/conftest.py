"""What tests of several packages share."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from petrecon.provenance import code, imports, reads


def pytest_configure() -> None:
    """Take signals as usual where the caller ignores them (nohup, a command in the background): tests send them."""
    for number, usual in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the package whose text, not its behaviour, may be edited."""
    copy = tmp_path / "copied" / "petrecon"
    shutil.copytree(imports.package_dir(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(imports, "package_dir", lambda: copy)
    monkeypatch.setattr(code, "_AT_START", imports.package_stamps())
    return copy


@pytest.fixture
def edited_package(package: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return a function that appends text to a module, as if a new process had started afterwards."""

    def edit(module: str, text: str) -> None:
        path = package / module
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
        monkeypatch.setattr(code, "_AT_START", imports.package_stamps())

    return edit


@pytest.fixture(autouse=True)
def nothing_read_yet(monkeypatch):
    """Give every test its own record of what was read: others ran in this process before it."""
    monkeypatch.setattr(reads, "_noted", {})
    monkeypatch.setattr(reads, "_stamps", {})
    monkeypatch.setattr(reads, "_edited", set())
