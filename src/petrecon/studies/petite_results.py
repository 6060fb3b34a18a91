"""Many comparison runs as one study: one sample per pair of scanners, paired differences, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from petrecon.compendium import record
from petrecon.errors import InputError, did_you_mean
from petrecon.metrics import Interval, format_interval, interval
from petrecon.studies.petite_recipes import PRINTED, STATISTICS_KEPT, row_title

if TYPE_CHECKING:
    from pandas import DataFrame

Numbers = Mapping[str, Mapping[str, Any]]
Pair = tuple[str, str]

UNITS = "scanner pairs"
"""What one sample of a study is."""


@dataclass(frozen=True)
class Study:
    """What the comparison runs of one network recorded.

    One sample is one pair of scanners, the mean over its folds and test heads: folds of a pair share the source
    network, the test heads and half of the training subjects, so they are not independent.

    Attributes
    ----------
    runs : mapping
        (source, target) → numbers by key, as `metric/row`, each with its samples over folds.
    """

    runs: Mapping[Pair, Numbers]

    @property
    def rows(self) -> list[str]:
        """Names of the recipes that were run, in order."""
        first = next(iter(self.runs.values()))
        return [key.removeprefix("per_cent/") for key in first if key.startswith("per_cent/")]

    def folds(self, metric: str, row: str, pair: Pair) -> list[float]:
        """Return a metric's values in the folds of one pair, each the mean over test heads.

        Raises
        ------
        InputError
            If that run did not record it.
        """
        key, numbers = f"{metric}/{row}", self.runs[pair]
        if key not in numbers:
            raise InputError(f"the comparison runs have no {key!r}.{did_you_mean(key, numbers)}")
        return [float(v) for v in numbers[key]["samples"]]

    @property
    def full(self) -> str:
        """The better of the ways of full fine-tuning that were run."""
        return self.best([row for row in ("full-ft", STATISTICS_KEPT) if row in self.rows])

    def samples(self, metric: str, row: str) -> list[float]:
        """Return a metric's samples, one per pair."""
        return [float(np.mean(self.folds(metric, row, pair))) for pair in self.runs]

    def mean(self, metric: str, row: str) -> float:
        """Return the mean of a metric over pairs."""
        return float(np.mean(self.samples(metric, row)))

    def gain(self, first: str, second: str, metric: str = "psnr") -> list[float]:
        """Return paired differences, first minus second, one per pair: same folds, subjects, test heads and seeds."""
        return [a - b for a, b in zip(self.samples(metric, first), self.samples(metric, second), strict=True)]

    def ratio(self, metric: str, first: str, second: str = "full-ft") -> list[float]:
        """Return paired ratios, first over second, one per pair."""
        return [a / b for a, b in zip(self.samples(metric, first), self.samples(metric, second), strict=True)]

    def value(self, metric: str, row: str) -> float:
        """Return a number that is the same in every run, such as `per_cent` or `trained`."""
        first = next(iter(self.runs.values()))
        return float(first[f"{metric}/{row}"]["value"])

    def best(self, rows: Sequence[str], metric: str = "psnr") -> str:
        """Return the row with the highest mean."""
        return max(rows, key=lambda row: self.mean(metric, row))

    def worst_gain(self, rows: Sequence[str], against: str = "no-ft") -> str:
        """Return the row that gains least over another."""
        return min(rows, key=lambda row: float(np.mean(self.gain(row, against))))


def record_gain(network: str, study: Study, row: str) -> Interval:
    """Record what a row gains over No-FT in PSNR, and return it with its interval, dB."""
    gain = record(
        f"gain/{network}/{row}",
        samples=study.gain(row, "no-ft"),
        units=UNITS,
        compares=(row, "no-ft"),
        unit="dB",
    )
    assert gain is not None
    return gain


def beside_paper(network: str, study: Study, printed: Mapping[str, Sequence[float]]) -> DataFrame:
    """Return rows of a study beside what the paper prints of them; record what each gains over No-FT.

    Parameters
    ----------
    network : {"cvt-gan", "unetr"}
    study : Study
    printed : mapping of row to (per cent, PSNR in dB, SSIM, NRMSE)
        As the paper has them; NaN where it has none. With the row "no-ft", the paper's gains are shown as well.

    Returns
    -------
    DataFrame
        Indexed by row, with the columns of the tables 1, 2, 6 and 7; `formats` says how they are written.
    """
    import pandas as pd

    lines = []
    for row, (share, psnr, ssim, nrmse) in printed.items():
        gain = "" if row == "no-ft" else format_interval(record_gain(network, study, row), sign=True)
        line = {"method": row_title(network, row), "%": study.value("per_cent", row)}
        line |= {metric.upper(): study.mean(metric, row) for metric in ("psnr", "ssim", "nrmse")}
        line |= {"gain over No-FT": gain, "paper: %": share}
        if "no-ft" in printed:
            line["paper: gain"] = psnr - printed["no-ft"][1]
        lines.append(line | {"paper: PSNR": psnr, "paper: SSIM": ssim, "paper: NRMSE": nrmse})
    return pd.DataFrame(lines, index=list(printed))


def formats(beside: DataFrame) -> dict[str, str]:
    """Return how the columns of `beside_paper` are written."""
    written = {"%": ".2f", "PSNR": ".2f", "SSIM": ".3f", "NRMSE": ".4f", "paper: %": ".3g", "paper: gain": "+.2f"}
    written |= {f"paper: {metric}": written[metric] for metric in ("PSNR", "SSIM", "NRMSE")}
    return {column: text for column, text in written.items() if column in beside}


def record_differences(network: str, study: Study, differences: Mapping[str, tuple[str, str]]) -> str:
    """Record named differences of two rows in PSNR, and return them as one sentence.

    Parameters
    ----------
    network : {"cvt-gan", "unetr"}
    study : Study
    differences : mapping of str to (row, row)
        Name → the first row minus the second.
    """
    parts = []
    for key, rows in differences.items():
        first, second = (row_title(network, row) for row in rows)
        options: dict[str, Any] = {"unit": "dB", "note": f"{first} minus {second}"}
        gap = record(f"{key}/{network}", samples=study.gain(*rows), units=UNITS, compares=rows, **options)
        assert gap is not None
        parts.append(f"{first} minus {second} **{format_interval(gap, sign=True, unit='dB')}**")
    return f"{PRINTED[network]}: " + "; ".join(parts) + "."


def record_ideal_gains(network: str, study: Study, rows: Iterable[str]) -> str:
    """Record gains over No-FT against noise-free counts, gain and offset fitted; return them as one sentence."""
    parts = []
    for row in rows:
        title = row_title(network, row)
        key = f"gain_ideal/{network}" if row == "petite" else f"gain_ideal/{network}/{row}"
        options: dict[str, Any] = {"unit": "dB", "note": f"{title} over No-FT; gain and offset fitted"}
        ideal = record(
            key,
            samples=study.gain(row, "no-ft", "psnr_ideal"),
            units=UNITS,
            compares=(row, "no-ft"),
            **options,
        )
        assert ideal is not None
        plain = float(np.mean(study.gain(row, "no-ft")))
        parts.append(f"{title} {format_interval(ideal, sign=True, unit='dB')} (PSNR as above: {plain:+.2f} dB)")
    return f"{PRINTED[network]}, gained over No-FT: " + "; ".join(parts) + "."


def record_optimism(network: str, study: Study) -> str:
    """Record how much the best of some looks at the test heads lies above the last one; return it as one sentence."""
    rows = [row for row in study.rows if row != "no-ft"]
    excess = {row: np.subtract(study.samples("best", row), study.samples("psnr", row)) for row in rows}
    mean = record(
        f"optimism/{network}",
        samples=np.mean(list(excess.values()), axis=0),
        units=UNITS,
        compares=("best epoch", "last epoch"),
        unit="dB",
        note="mean over rows",
    )
    assert mean is not None
    top = max(rows, key=lambda row: float(excess[row].mean()))
    average, title = format_interval(mean, unit="dB"), row_title(network, top)
    return f"{PRINTED[network]}: {average} on average, {excess[top].mean():.2f} dB for {title}."


def costs_beside_paper(network: str, study: Study, rows: Iterable[str], printed: DataFrame) -> DataFrame:
    """Return time and memory of a training step by row, and both relative to full fine-tuning beside the paper's.

    Parameters
    ----------
    network : {"cvt-gan", "unetr"}
    study : Study
    rows : iterable of str
    printed : DataFrame
        ``time_s`` and ``memory_mb`` by row: Table 5.
    """
    import pandas as pd

    paper = printed / printed.loc["full-ft"]
    lines = []
    for row in rows:
        ratios = {what: interval(study.ratio(what, row), units=UNITS) for what in ("seconds", "bytes")}
        line: dict[str, Any] = {"network": PRINTED[network], "method": row_title(network, row)}
        line |= {"s per step": study.mean("seconds", row), "MB": study.mean("bytes", row) / 1e6}
        line |= {"time": format_interval(ratios["seconds"]), "memory": format_interval(ratios["bytes"])}
        for heading, column in (("paper: time", "time_s"), ("paper: memory", "memory_mb")):
            line[heading] = paper.loc[row, column] if row in paper.index else None
        lines.append(line)
    return pd.DataFrame(lines)


def record_costs(network: str, study: Study, row: str = "petite") -> None:
    """Record time and memory of a step of one row relative to full fine-tuning, and the larger of the two."""
    time, memory = study.ratio("seconds", row), study.ratio("bytes", row)
    options: dict[str, Any] = {"units": UNITS, "compares": (row, "full-ft")}
    note = "larger of time and memory of a step, PETITE over full fine-tuning"
    record(f"cost_ratio/{network}", samples=np.maximum(time, memory), note=note, **options)
    record(f"time_ratio/{network}", samples=time, **options)
    record(f"memory_ratio/{network}", samples=memory, **options)
