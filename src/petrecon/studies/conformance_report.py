"""What the conformance suite measured, as the book shows it: a sentence, a table, and the rows of a figure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from petrecon.projectors import available_backends


def summary(results: pd.DataFrame) -> str:
    """Return how many checks pass, on what, which fail and what is not installed, as Markdown.

    Parameters
    ----------
    results : DataFrame
        Of the rows that `run` returns.
    """
    versions, failed = available_backends(), results[~results["passed"]]
    missing = sorted({"matrix", "joseph", "parallelproj"} - set(versions))
    backends = ", ".join(f"{name} ({version})" for name, version in versions.items())
    text = f"**{int(results['passed'].sum())} of {len(results)}** checks pass, on {backends}."
    if len(failed):
        text += f" Failing: {'; '.join(sorted(set(failed['backend'] + ', ' + failed['property'])))}."
    return text + (f" Not installed where this page was made: {', '.join(missing)}." if missing else "")


def by_property(results: pd.DataFrame) -> pd.DataFrame:
    """Return one row per property: what is allowed and what each backend measured, double / single precision.

    Parameters
    ----------
    results : DataFrame
        Of the rows that `run` returns.
    """
    order = list(dict.fromkeys(results["property"]))
    measured = [
        f"{m:.0e}" + ("" if ok else " FAIL") for m, ok in zip(results["measured"], results["passed"], strict=True)
    ]
    grid = results.assign(measured=measured, allowed=results["threshold"].map("{:.0e}".format))
    grid = grid.sort_values("dtype", ascending=False)
    compact = grid.pivot_table(index="property", columns="backend", values="measured", aggfunc=_both).loc[order]
    compact.insert(0, "allowed", grid.groupby("property")["allowed"].agg(_both))
    return compact.reset_index()


def chords_by_box(results: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of chords through a box in single precision, by kind of lines and of box.

    Parameters
    ----------
    results : DataFrame
        Of the rows that `run` returns.
    """
    rows = results[results["property"].str.startswith("chords of a box") & (results["dtype"] == "float32")].copy()
    rows["lines"] = rows["property"].str.extract(r"lines (.*?)(?:, zero border)?$")[0]
    bordered = rows["property"].str.endswith("zero border")
    rows["box"] = np.where(bordered, "border of one empty voxel", "filled to its faces")
    return rows


def _both(values: Iterable[str]) -> str:
    """Return the two precisions, double first; once if they agree."""
    return " / ".join(dict.fromkeys(values))
