"""The points and bars of the chapters on deep diffusion image prior; grids of slices are `compendium.panels`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from petrecon.metrics import Interval
from petrecon.studies.ddip_cost import Cost
from petrecon.studies.ddip_tuning import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_trials(searched: Mapping[str, Sequence[Trial]], best: Mapping[str, Trial]) -> Figure:
    """Draw the mean PSNR of every combination that was tried as a dot per method, and the best as a bar."""
    fig, ax = _figure(6.8, 3.6)
    for place, (method, trials) in enumerate(searched.items()):
        ax.plot([place] * len(trials), [trial.mean for trial in trials], "o", alpha=0.5)
        ax.plot(place, best[method].mean, "k_", ms=16)
    _by_name(ax, searched, "mean PSNR of two tracers (dB)")
    return fig


def draw_exams(fdg: Mapping[str, Sequence[float]], florbetapir: Mapping[str, float]) -> Figure:
    """Draw the PSNR (dB) of every exam by method: FDG as dots, florbetapir as a star."""
    fig, ax = _figure(6.8, 3.6)
    for place, (method, quality) in enumerate(fdg.items()):
        ax.plot([place] * len(quality), quality, "o", alpha=0.5)
        ax.plot(place, florbetapir[method], "k*")
    _by_name(ax, fdg, "PSNR (dB)")
    return fig


def draw_bias_against_noise(points: Mapping[str, Mapping[str, tuple[float, float]]]) -> Figure:
    """Draw a panel per tracer: for every method the regional bias (%) against the voxel's SD (%).

    Parameters
    ----------
    points : mapping
        Tracer → method → (SD, bias).
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, len(points), figsize=(8.4, 3.8), layout="constrained", sharey=True, squeeze=False)
    for ax, (tracer, by_method) in zip(axes[0], points.items(), strict=True):
        for method, (noise, bias) in by_method.items():
            ax.plot(noise, bias, "o", label=method)
        ax.set(xlabel="SD over realisations (%)", title=tracer, yscale="log")
    axes[0, 0].set_ylabel("mean |bias| of regions (%)")
    axes[0, -1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return fig


def draw_ranks(trained: Mapping[str, int], spreads: Mapping[str, Interval]) -> Figure:
    """Draw PSNR (dB) against trained parameters: circles for all layers, squares for one kind (``… only``)."""
    fig, ax = _figure(6.8, 3.8)
    for name, spread in spreads.items():
        _bar(ax, trained[name], spread, fmt="s" if name.endswith(" only") else "o")
        _note(ax, name, trained[name], spread.value, (6, 4))
    ax.set(xlabel="trained parameters", ylabel="PSNR (dB)", xscale="log")
    return fig


def draw_costs(costs: Mapping[str, Sequence[Cost]]) -> Figure:
    """Draw mean PSNR (dB) against seconds per slice, a line per method; numbers are sampling steps."""
    fig, ax = _figure(6.8, 3.8)
    for method, several in costs.items():
        ax.semilogx([cost.seconds for cost in several], [cost.mean for cost in several], "o-", label=method)
        for cost in several:
            _note(ax, str(cost.steps), cost.seconds, cost.mean, (4, -10), size=7)
    ax.set(xlabel="time per slice (s)", ylabel="PSNR (dB)")
    ax.legend()
    return fig


def draw_far(alone: Mapping[str, float], gains: Mapping[str, Mapping[str, Interval]]) -> Figure:
    """Draw DDIP's gain (dB) over the frozen prior (circles) and Bowsher (squares) against the PSNR of the prior alone.

    Parameters
    ----------
    alone : mapping
        Exam → PSNR of what the prior paints from the MR alone, dB.
    gains : mapping
        Exam → rival → gain.
    """
    looks = {"frozen prior": {"fmt": "o", "color": "#0072B2"}, "Bowsher": {"fmt": "s", "color": "#D55E00"}}
    fig, ax = _figure(6.8, 3.8)
    for exam, by_rival in gains.items():
        for rival, look in looks.items():
            _bar(ax, alone[exam], by_rival[rival], **look)
        _note(ax, exam, alone[exam], by_rival["frozen prior"].value, (5, 5))
    ax.axhline(0, color="k", lw=0.8)
    ax.set(xlabel="PSNR of the prior alone (dB)", ylabel="DDIP's gain (dB)")
    return fig


def draw_rank_histograms(histograms: Mapping[str, Sequence[float]]) -> Figure:
    """Draw a histogram of ranks per sampler, in fifths; 1 is what a calibrated sampler gives."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, len(histograms), figsize=(8.6, 2.6), sharey=True, layout="constrained", squeeze=False)
    for ax, (sampler, heights) in zip(axes[0], histograms.items(), strict=True):
        ax.bar(np.arange(len(heights)) + 1, heights, color="0.6")
        ax.axhline(1, color="k", lw=0.8)
        ax.set_title(sampler, size=9)
        ax.set_xlabel("fifth of the ranks")
    axes[0, 0].set_ylabel("frequency (expected = 1)")
    return fig


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height))


def _by_name(ax: Axes, names: Mapping[str, Any], label: str) -> None:
    ax.set_xticks(range(len(names)), list(names), rotation=20)
    ax.set(ylabel=label)


def _bar(ax: Axes, place: float, spread: Interval, **look: Any) -> None:
    ax.errorbar(place, spread.value, [[spread.value - spread.low], [spread.high - spread.value]], **look)


def _note(ax: Axes, text: str, x: float, y: float, offset: tuple[int, int], size: int = 8) -> None:
    ax.annotate(text, (x, y), textcoords="offset points", xytext=offset, size=size)
