"""What notebooks record: samples with units, intervals from the one function; in sources and in published runs."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from petrecon.compendium.book.compare import _labels
from petrecon.compendium.runs.reading import as_interval
from petrecon.metrics import interval

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


def _calls(path: Path, *names: str) -> list[tuple[int, dict[str | None, ast.expr]]]:
    """Return line and keyword arguments of every call of these names."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    calls = [n for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in names]
    return [(call.lineno, {word.arg: word.value for word in call.keywords}) for call in calls]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_says_of_every_interval_what_it_is_over(path):
    for line, given in _calls(path, "interval", "paired_interval", "jackknife", "range_of"):
        assert "units" in given, f"{path.name}:{line}: an interval over what?"
    for line, given in _calls(path, "record"):
        assert "samples" not in given or {"units", None} & given.keys(), f"{path.name}:{line}: samples of what?"
        bare = isinstance(given.get("interval"), (ast.Tuple, ast.List))
        assert not bare, f"{path.name}:{line}: an interval made by hand"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_no_notebook_resamples_by_itself(path):
    """Nothing draws indices with replacement and nothing deletes one at a time: `petrecon.metrics` does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            own = node.func.attr == "integers" or ast.unparse(node.func) == "np.delete"
            assert not own, f"{path.name}:{node.lineno}: {ast.unparse(node)}"


def test_published_intervals_are_those_of_the_one_function():
    """Recomputed from the samples that were published with them; runs of before units were declared have none."""
    for path in sorted((ROOT / "book" / "runs" / "laptop").glob("*.numbers.json")):
        for key, number in json.loads(path.read_text(encoding="utf-8")).items():
            units = _labels(number.get("units") or {}, len(number.get("samples", ())))
            if units is None or number.get("kind") != "bootstrap":
                continue
            again, held = interval(number["samples"], units=units), as_interval(number)
            assert (again.low, again.high) == pytest.approx((held.low, held.high), rel=1e-9), f"{path.name}: {key}"
