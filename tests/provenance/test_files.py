"""A hash says what a file holds now: times put back, sizes kept and YAML's many spellings do not deceive it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from petrecon import paths
from petrecon.provenance import code, imports, reads
from petrecon.provenance.bytecode import check_by_content
from petrecon.provenance.cache import cached
from petrecon.provenance.files import data_hash, file_hash, is_settled, names_hash, stamp


def _rewrite(path: Path, text: str) -> None:
    """Write text of the same length and put the times back."""
    times = path.stat()
    assert len(text) == times.st_size
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("settled", [True, False])
def test_an_edit_that_keeps_time_and_size_changes_the_hash(tmp_path, monkeypatch, settled):
    """Kept by inode and time of change; and not kept at all while another edit could have the same time of change."""
    from petrecon.provenance import files

    monkeypatch.setattr(files, "is_settled", lambda found: settled)
    path = tmp_path / "a"
    path.write_text("one", encoding="utf-8")
    before, times = file_hash(path), path.stat()
    while path.stat().st_ctime_ns == times.st_ctime_ns:  # the clock of the file system ticks every few milliseconds
        _rewrite(path, "two")
    assert file_hash(path) != before
    assert path.stat().st_mtime_ns == times.st_mtime_ns


def test_a_file_just_written_is_not_settled(tmp_path):
    (tmp_path / "a").touch()
    now = stamp(tmp_path / "a")
    assert not is_settled(now)
    assert is_settled((now[0], now[1] - 10**10, *now[2:]))


BASE = "a: 1\nb: [x, y]\n"


@pytest.mark.parametrize("text", ["# a comment\n" + BASE, "a:   1\n\nb:\n- x\n- y\n", "{a: 1, b: [x, y]}\n"])
def test_comments_and_layout_of_yaml_are_no_data(tmp_path, text):
    assert _hash(tmp_path, text) == _hash(tmp_path, BASE)


@pytest.mark.parametrize(
    "text",
    [
        "b: [x, y]\na: 1\n",  # order decides rows of tables and colours of lines
        "a: '1'\nb: [x, y]\n",
        "a: 1.0\nb: [x, y]\n",
        "a: 2\na: 1\nb: [x, y]\n",
        "a: !!str 1\nb: [x, y]\n",
        "a: 1\nb: [y, x]\n",
        "1: 1\nb: [x, y]\n",
    ],
)
def test_what_yaml_says_in_its_order_is_data(tmp_path, text):
    assert _hash(tmp_path, text) != _hash(tmp_path, BASE)


def test_yaml_that_refers_to_itself_or_to_much_is_hashed_at_once(tmp_path):
    assert _hash(tmp_path, "a: &a [*a]\n") != _hash(tmp_path, "a: &a []\n")
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))
    assert _hash(tmp_path, bomb) != _hash(tmp_path, bomb.replace("[x, x]", "[x, y]"))
    assert _hash(tmp_path, "a: [") != _hash(tmp_path, "b: [")


def _hash(folder: Path, text: str) -> str:
    path = folder / "a.yaml"
    path.write_text(text, encoding="utf-8")
    return data_hash(path)


def test_a_folder_is_its_names_without_hidden_and_half_written_ones(tmp_path):
    (tmp_path / "a.yaml").touch()
    before = names_hash(tmp_path)
    for name in (".a.yaml.swp", "b.yaml.partial", "a.yaml~"):
        (tmp_path / name).touch()
    assert names_hash(tmp_path) == before
    (tmp_path / "b.yaml").touch()
    assert names_hash(tmp_path) != before


def test_python_runs_the_edited_module_though_its_time_and_size_stayed(package: Path):
    """Python trusts a compiled module by the source's time (in seconds) and size; ours is trusted by its content."""
    module = package / "errors.py"
    text = "A = 1\n"
    module.write_text(text, encoding="utf-8")
    command = [sys.executable, "-c", "import petrecon.errors; print(petrecon.errors.A)"]
    environment = {**os.environ, "PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": ""}

    def told() -> str:
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    assert told() == "1"
    _rewrite(module, "A = 2\n")
    assert told() == "1", "Python's own way; if this fails, Python has mended it and bytecode.py can go"
    check_by_content()
    assert told() == "2"
    _rewrite(module, "A = 3\n")
    assert told() == "3", "without another check"
    compiled = Path(cache_from_source(str(module)))
    assert int.from_bytes(compiled.read_bytes()[4:8], "little") == 0b11


def test_a_module_edited_since_the_process_started_keeps_the_cache_out(package: Path, tmp_path, monkeypatch):
    """What runs is the old code, what lies there is the new: neither is stored under the other's name."""
    monkeypatch.setattr(paths, "cache_dir", lambda: tmp_path / "cache")
    made = []

    def ask() -> None:
        cached("kind", "name", {"a": 1}, "petrecon.errors", lambda: made.append(1) or {})

    ask()
    ask()
    assert len(made) == 1
    path = package / "errors.py"
    path.write_text(path.read_text(encoding="utf-8") + "A = 1\n", encoding="utf-8")
    ask()
    ask()
    assert len(made) == 3
    monkeypatch.setattr(code, "_AT_START", imports.package_stamps())
    ask()
    ask()
    assert len(made) == 4
    assert len(list((tmp_path / "cache" / "kind").iterdir())) == 1


def test_a_cache_file_under_another_key_is_absent(tmp_path, monkeypatch):
    """One that was renamed, or meets the same short hash, holds its whole key."""
    monkeypatch.setattr(paths, "cache_dir", lambda: tmp_path)
    made = []

    def ask(key: int) -> None:
        cached("kind", "name", {"a": key}, "petrecon.errors", lambda: made.append(key) or {})

    ask(1)
    (first,) = (tmp_path / "kind").iterdir()
    ask(2)
    (second,) = set((tmp_path / "kind").iterdir()) - {first}
    os.replace(first, second)
    ask(2)
    assert made == [1, 2, 2]


def test_what_is_only_checked_is_not_noted(tmp_path, monkeypatch):
    (tmp_path / "a").touch()
    with reads.unnoticed():
        reads.note_file(tmp_path / "a")
        reads.note("b", "c")
    assert reads.noted() == {}
    reads.note_file(tmp_path / "a")
    assert list(reads.noted()) == [f"file {tmp_path / 'a'}"]
    assert reads.edited() == []
    (tmp_path / "a").write_text("b", encoding="utf-8")
    assert reads.edited() == [f"file {tmp_path / 'a'}"]


def test_asking_for_one_card_depends_on_no_other_card(monkeypatch):
    """A folder is listed where all are wanted, or for the nearest name in an error; else a new card changes no page."""
    from petrecon.petite import population, source_name
    from petrecon.phantoms import load_protocol, load_tracer
    from petrecon.projectors import load_scanner, scanner_names

    end = reads.watch()
    try:
        load_scanner("hrrt")
        load_tracer("fdg")
        load_protocol("pe2i")
        population("hrrt", "train", 1)
        source_name("unetr", "hrrt")
        cards = {"data data/scanners/hrrt.yaml", "data data/tracers/fdg.yaml", "data data/tracers/pe2i.yaml"}
        assert set(reads.noted()) == cards
        scanner_names()
        assert set(reads.noted()) == cards | {"listing data/scanners"}
    finally:
        end()
