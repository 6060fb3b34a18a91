"""Pairs are generated one way, the same bytes every time, and drift is found."""

from __future__ import annotations

import json
from pathlib import Path

from petrecon.compendium.pairs import sync_pairs


def test_pairs_are_reproducible_and_hold_no_outputs(project: Path):
    pair = project / "notebooks" / "01_toy.ipynb"
    assert sync_pairs() == [pair]
    first = pair.read_bytes()
    assert sync_pairs() == []
    pair.unlink()
    sync_pairs()
    assert pair.read_bytes() == first
    notebook = json.loads(first)
    assert all(not cell.get("outputs") for cell in notebook["cells"])
    assert [cell["id"] for cell in notebook["cells"]] == ["cell-00", "cell-01", "cell-02", "cell-03"]
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}


def test_check_finds_drift_and_orphans_and_writes_nothing(project: Path):
    source, pair = (project / "notebooks" / f"01_toy.{ending}" for ending in ("py", "ipynb"))
    assert sync_pairs(check=True) == [pair]
    assert not pair.exists()
    sync_pairs()
    before = pair.read_bytes()
    source.write_text(
        source.read_text(encoding="utf-8").replace("dose: float = 1.0", "dose: float = 2.0"), encoding="utf-8"
    )
    orphan = pair.with_name("09_gone.ipynb")
    orphan.write_bytes(before)
    assert sync_pairs(check=True) == [pair, orphan]
    assert pair.read_bytes() == before
    sync_pairs()
    assert not orphan.exists()
    assert sync_pairs(check=True) == []
