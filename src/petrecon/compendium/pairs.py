"""Pairs: the `.ipynb` beside each notebook source, for Colab and Binder. Generated, one way, never edited."""

from __future__ import annotations

import os
from pathlib import Path

from petrecon.compendium.execute import to_notebook
from petrecon.compendium.sources import sources
from petrecon.paths import notebooks_dir


def sync_pairs(check: bool = False) -> list[Path]:
    """Write `notebooks/*.ipynb` from `notebooks/*.py`: same cells, no outputs, the same bytes every time.

    Parameters
    ----------
    check : bool
        True writes nothing.

    Returns
    -------
    list of Path
        The pairs that were out of date: missing, different from their source, or without a source.
    """
    import nbformat

    wanted = {source.path.with_suffix(".ipynb"): source for source in sources()}
    behind = []
    for path, source in wanted.items():
        text = nbformat.writes(to_notebook(source)) + "\n"
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        behind.append(path)
        if not check:
            partial = path.with_name(f".{path.name}.partial")
            partial.write_text(text, encoding="utf-8")
            os.replace(partial, path)
    for path in sorted(notebooks_dir().glob("*.ipynb")):
        if path not in wanted:
            behind.append(path)
            if not check:
                path.unlink()
    return behind
