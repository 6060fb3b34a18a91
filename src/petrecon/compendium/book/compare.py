"""Compare two runs: what was asked, what came out, and where the images differ."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from petrecon.compendium.runs.reading import read_arrays, read_numbers
from petrecon.compendium.runs.receipts import read_receipt
from petrecon.errors import InputError
from petrecon.metrics import Interval, Units, paired_interval


def compare_runs(first: Path, second: Path, out: Path | None = None) -> str:
    """Return a report of how two executed notebooks differ, and draw the difference of images that both kept.

    Parameters
    ----------
    first, second : Path
        Executed notebooks with their files beside them.
    out : Path, optional
        Folder for the pictures; the second notebook's by default.

    Raises
    ------
    InputError
        If either is not a run of this project: it has no receipt beside it.
    MissingError
        If numbers or arrays of either are gone or broken; the message names the command that makes them.
    """
    runs = [_load(first), _load(second)]
    lines = [f"A: {first}", f"B: {second}", ""]
    lines += _section("parameters (A, B)", _parameters(runs[0]["receipt"], runs[1]["receipt"]))
    lines += _section("numbers (B minus A)", _numbers(runs[0]["numbers"], runs[1]["numbers"]))
    pictures = _pictures(runs[0]["arrays"], runs[1]["arrays"], out or second.parent, _stem(second))
    lines += _section("images (B minus A)", pictures)
    return "\n".join(lines).rstrip()


def paired_difference(a: dict[str, Any], b: dict[str, Any]) -> Interval | None:
    """Return the mean of b − a over samples paired by their order, with its interval over the units of both numbers.

    None when either has no samples, when they are not as many, or when it is not known what they are samples of.
    """
    first, second = a.get("samples"), b.get("samples")
    if not first or not second or len(first) != len(second) or a.get("units") != b.get("units"):
        return None
    units = _labels(a.get("units") or {}, len(first))
    return None if units is None else paired_interval(second, first, units=units)


def _labels(counts: dict[str, int], n: int) -> Units | None:
    """Return the label of every sample by level, from how many each level has; recorded samples lie outermost first."""
    if not counts or math.prod(counts.values()) != n:
        return None
    places = np.unravel_index(np.arange(n), tuple(counts.values()))
    return {name: place.tolist() for name, place in zip(counts, places, strict=True)}


def _stem(path: Path) -> str:
    return path.name.removesuffix(".ipynb")


def _load(path: Path) -> dict[str, Any]:
    beside = path.parent / _stem(path)
    told = beside.with_name(beside.name + ".receipt.json")
    receipt = read_receipt(told)
    if receipt is None and told.exists():
        raise InputError(f"{told} is not a receipt: make the run again (`petrecon list --json` has its command)")
    if receipt is None:
        raise InputError(f"{path} has no receipt beside it: give a notebook from book/runs")
    numbers, arrays = (beside.with_name(beside.name + ending) for ending in (".numbers.json", ".arrays.npz"))
    kept = {kind for kind, file in (("numbers", numbers), ("arrays", arrays)) if file.exists()} | {*receipt["outputs"]}
    return {
        "receipt": receipt,
        "numbers": read_numbers(numbers, receipt["command"]) if "numbers" in kept else {},
        "arrays": read_arrays(arrays, receipt["command"]) if "arrays" in kept else {},
    }


def _section(title: str, lines: list[str]) -> list[str]:
    return [title, *[f"  {line}" for line in lines or ["no difference"]], ""]


def _parameters(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    left, right = ({"notebook": r["notebook"], **r["parameters"]} for r in (a, b))
    names = dict.fromkeys([*left, *right])
    return [f"{n}: {left.get(n, '–')}, {right.get(n, '–')}" for n in names if left.get(n) != right.get(n)]


def _numbers(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    lines = []
    for key in dict.fromkeys([*a, *b]):
        if key not in a or key not in b:
            lines.append(f"{key}: only in {'A' if key in a else 'B'}")
            continue
        old, new = a[key]["value"], b[key]["value"]
        unit = f" {b[key]['unit']}" if b[key].get("unit") else ""
        if old == new and a[key].get("samples") == b[key].get("samples"):
            continue
        if isinstance(old, (str, bool)) or isinstance(new, (str, bool)):
            lines.append(f"{key}: {old} → {new}")
            continue
        line = f"{key}: {old:.4g} → {new:.4g}{unit}, difference {new - old:+.3g}"
        found = paired_difference(a[key], b[key])
        if found is not None:
            sure = ", beyond chance" if found.kind == "bootstrap" and not found.low <= 0 <= found.high else ""
            line = f"{key}: {old:.4g} → {new:.4g}{unit}, paired difference {found}{sure}"
        lines.append(line)
    return lines


def _pictures(a: dict[str, Any], b: dict[str, Any], folder: Path, stem: str) -> list[str]:
    lines = []
    for key in sorted(a.keys() & b.keys()):
        if key.endswith(".meta") or a[key].dtype.kind not in "fiu":
            continue
        if a[key].shape != b[key].shape:
            lines.append(f"{key}: shapes differ, {a[key].shape} and {b[key].shape}")
            continue
        difference = b[key].astype(float) - a[key].astype(float)
        if not difference.any():
            continue
        size = np.sqrt(np.mean(np.square(a[key], dtype=float))) or 1.0
        told = f"{key}: root mean square difference {100 * np.sqrt(np.mean(difference**2)) / size:.3g} % of A"
        if difference.ndim >= 2:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{stem}.minus.{key.replace('/', '-')}.png"
            _draw(difference, key, json.loads(str(b.get(f"{key}.meta", "{}"))), path)
            told += f", drawn in {path}"
        lines.append(told)
    return lines


def _draw(difference: np.ndarray, key: str, meta: dict[str, Any], path: Path) -> None:
    """Draw the middle slice of a difference, (…, x, y) or (…, x, y, z), blue below and red above zero."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from petrecon.compendium.notebook.figures import image

    dims = int(meta.get("dims", 2))
    shown = difference.reshape(-1, *difference.shape[-dims:])[0]
    shown = shown[..., shown.shape[-1] // 2] if dims == 3 else shown
    most = float(np.abs(shown).max()) or 1.0
    figure = Figure(figsize=(5, 4), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.add_subplot()
    voxel = meta.get("voxel_size", 1.0)
    voxel = tuple(voxel[:2]) if isinstance(voxel, list) else float(voxel)
    unit = f" ({meta['unit']})" if meta.get("unit") else ""
    image(ax, shown, voxel, vmin=-most, vmax=most, cmap="RdBu_r", label=f"{key}, B minus A{unit}")
    figure.savefig(path, dpi=150, metadata={"Software": None})
