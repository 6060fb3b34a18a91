"""Gains by number of subjects and of steps: kept by draw of subjects, recorded, drawn and described."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from petrecon.compendium import record
from petrecon.metrics import Interval
from petrecon.studies.petite_recipes import LABELS, PRINTED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Point = tuple[int, int]
"""Subjects and steps of a training."""

_UNITS = "subject draws"


@dataclass
class Curves:
    """PSNR of some methods on two networks after trainings of several sizes.

    Attributes
    ----------
    before : dict of float
        Network → PSNR of No-FT, dB.
    psnr : dict of list of float
        (network, method, subjects, steps) → PSNR, one value per draw of subjects, dB.
    """

    before: dict[str, float] = field(default_factory=dict)
    psnr: dict[tuple[str, str, int, int], list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def methods(self) -> list[str]:
        """The methods, in the order they were tried."""
        return list(dict.fromkeys(method for _, method, _, _ in self.psnr))

    def gain(self, network: str, method: str, point: Point) -> list[float]:
        """Return what a method gains over No-FT, dB, one value per draw of subjects."""
        return [psnr - self.before[network] for psnr in self.psnr[network, method, *point]]

    def record_gain(self, network: str, method: str, point: Point) -> Interval | None:
        """Record what a method gains over No-FT with a number of subjects."""
        key, note = f"gain/{network}/{method}/{point[0]}", "over No-FT"
        samples, both = self.gain(network, method, point), (method, "no-ft")
        return record(key, samples=samples, units=_UNITS, compares=both, unit="dB", note=note)

    def record_lead(self, network: str, point: Point, *, longest: bool = False) -> Interval | None:
        """Record full fine-tuning minus PETITE, by number of subjects or after the longest training."""
        key = f"full_over_petite_longest/{network}" if longest else f"full_over_petite/{network}/{point[0]}"
        note = f"{point[1]} steps" if longest else f"{point[0]} subject(s)"
        lead = np.subtract(self.gain(network, "full-ft", point), self.gain(network, "petite", point))
        both = ("full-ft", "petite")
        return record(key, samples=lead, units=_UNITS, compares=both, unit="dB", note=note)

    def describe(self, points: Sequence[Point]) -> str:
        """Return the mean gains of all methods after trainings of some sizes, as a sentence."""
        means = {
            f"{PRINTED[network]} {LABELS[method]}": [np.mean(self.gain(network, method, point)) for point in points]
            for network in self.before
            for method in self.methods
        }
        return "; ".join(f"{title}: " + ", ".join(f"{v:+.2f} dB" for v in several) for title, several in means.items())

    def draw(self, values: Sequence[int], points: Sequence[Point], label: str) -> Figure:
        """Draw gains against a number of subjects or steps; bars from the lowest to the highest draw.

        Parameters
        ----------
        values : sequence of int
            What the axis shows.
        points : sequence of (subjects, steps)
            One for each value.
        label : str
            Of the axis.
        """
        import matplotlib.pyplot as plt

        fig, axes = plt.subplots(1, len(self.before), figsize=(8.4, 3.6), sharey=True, layout="constrained")
        for ax, network in zip(axes, self.before, strict=True):
            for k, method in enumerate(self.methods):
                gains = np.array([self.gain(network, method, point) for point in points])
                mean = gains.mean(1)
                edges = [mean - gains.min(1), gains.max(1) - mean]
                apart = np.array(values) * 1.04 ** (k - 1)  # bars side by side
                ax.errorbar(apart, mean, yerr=np.maximum(edges, 0), fmt="o-", capsize=2, label=LABELS[method])
            ax.axhline(0, color="0.6", lw=0.8)
            ax.set(xscale="log", xlabel=label, title=PRINTED[network])
            ax.set_xticks(values, [str(value) for value in values])
            ax.minorticks_off()
        axes[0].set_ylabel("gain over No-FT (dB)")
        axes[-1].legend(fontsize=8)
        return fig
