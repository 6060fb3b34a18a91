"""What a run of DEQ's learning records, and how it is read: the only place that knows the keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from petrecon.compendium import as_interval, compare, load_array, load_numbers, record, save_array
from petrecon.deq import Hyperparameters
from petrecon.metrics import Interval, roi_means
from petrecon.phantoms import Subject
from petrecon.studies.deq_cases import LEARNING, PATIENTS, learned_doses, striatum_and_occipital

Array = NDArray[np.float64]

_DRAWS = "noise draws"
_MSE = "kBq²/mL²"
_PAIR = ("DEQ-21", "DEQ-2")


def record_learned(
    losses: Mapping[str, Array],
    learned: Mapping[str, Hyperparameters],
    costs: Mapping[str, int],
    *,
    name: str,
    caption: str,
) -> None:
    """Record what was learned, its cost, its error and the paired gains of DEQ, and show them as a table.

    Parameters
    ----------
    losses : mapping of method to (realisations, frames) array
        Held-out squared errors, (kBq/mL)².
    learned : mapping of method to Hyperparameters
    costs : mapping of method to int
        Map evaluations.
    name, caption : str
        Of the table.
    """
    rows = {}
    for method, loss in losses.items():
        theta = learned[method].values()
        save_array(f"lambda/{method}", np.array(theta["lambda"]), unit="mL/kBq")
        save_array(f"frame_mse/{method}", loss, unit=_MSE)
        rows[method] = {"mse": loss.mean(1), "eta": theta["eta"], "epsilon": theta["epsilon"]}
        rows[method] |= {"lambda": f"{np.median(theta['lambda']):.3g}", "cost": costs[method]}
        for key, own, others in (("gain", "DEQ-21", _PAIR[:1]), ("gain2", "DEQ-2", ("DEQ-21", "DEQ-2", "DEQ-22"))):
            if method not in others:
                gained = 100 * (1 - losses[own].mean(1) / loss.mean(1))
                both, note = (own, method), f"of {own} over {method}, paired"
                record(f"{key}/{method}", samples=gained, units=_DRAWS, compares=both, unit="%", note=note)
    compare(
        rows,
        key="{column}/{row}",
        units=_DRAWS,
        unit={"mse": _MSE, "eta": "(kBq/mL)⁻²", "epsilon": "kBq/mL"},
        note={"cost": "map evaluations spent on learning, all realisations"},
        columns={"mse": f"MSE ({_MSE})", "eta": "η", "lambda": "λ, median", "cost": "map evaluations"},
        digits={"mse": 4, "eta": 3},
        name=name,
        caption=caption,
    )


def record_frames(losses: Mapping[str, Array], share: Array) -> Array:
    """Record where 21 parameters gain over 2, and how frames share the trues; return the gain.

    Parameters
    ----------
    losses : mapping of method to (realisations, frames) array
        Held-out squared errors.
    share : (frames,) array
        Share of the trues, in per cent.

    Returns
    -------
    (realisations, frames) array
        Gain in per cent.
    """
    gain = 100 * (1 - losses["DEQ-21"] / losses["DEQ-2"])
    words: dict[str, Any] = {"units": _DRAWS, "compares": _PAIR, "unit": "%"}
    low = np.concatenate([gain[:, :3], gain[:, -3:]], 1).mean(1)
    record("gain_low_frames", samples=low, note="first and last three frames", **words)
    record("gain_other_frames", samples=gain[:, 3:-3].mean(1), **words)
    save_array("share", share, unit="%")
    return gain


def save_pictures(images: Mapping[str, Tensor], truth: Tensor, frames: list[int], subject: Subject) -> None:
    """Save absolute errors of the first realisation in some frames, and regional curves of all of them.

    Parameters
    ----------
    images : mapping of method to (realisations, T, X, Y) tensor
        kBq/mL.
    truth : (T, X, Y) tensor
    frames : list of int
        An early and a late frame.
    subject : Subject
    """
    words: dict[str, Any] = {"unit": "kBq/mL", "voxel_size": subject.voxel_size}
    for method, x in images.items():
        save_array(f"error/{method}", (x[0, frames] - truth[frames]).abs(), **words)
    save_array("reference", truth[frames], **words)
    regions = striatum_and_occipital(subject)
    for method, x in {**images, "truth": truth[None]}.items():
        means = roi_means(x, regions, [1, 2])
        save_array(f"tac/{method}", np.stack([means[1], means[2]]), unit="kBq/mL")


@dataclass(frozen=True)
class LearnedRun:
    """What one run of the learning notebook recorded: one patient at one dose."""

    numbers: Mapping[str, Mapping[str, Any]]
    run: Mapping[str, Any]

    def error(self, method: str) -> Interval:
        """Return the held-out mean squared error, (kBq/mL)²."""
        return as_interval(self.numbers[f"mse/{method}"])

    def gain(self, method: str) -> Interval:
        """Return the relative gain of DEQ-21 over a method, %, paired."""
        return as_interval(self.numbers[f"gain/{method}"])

    def gain_of_two(self, method: str) -> Interval:
        """Return the relative gain of DEQ-2 over a method, %, paired."""
        return as_interval(self.numbers[f"gain2/{method}"])

    def gain_of_epsilon(self) -> list[float] | None:
        """Return the gain of learning ε too over DEQ-21, %, by realisation; None where it was not learned."""
        found = self.numbers.get("gain/DEQ-22")
        return None if found is None else [-value for value in found["samples"]]

    def cost(self, method: str) -> int:
        """Return the map evaluations spent on learning."""
        return int(self.numbers[f"cost/{method}"]["value"])

    @property
    def most_iterations(self) -> int:
        """The largest number of map evaluations of a held-out reconstruction."""
        return int(self.numbers["iterations_max"]["value"])

    @property
    def low_frames_minus_others(self) -> float:
        """How much larger the gain is in the first and last three frames, percentage points."""
        low, other = (self.numbers[key]["value"] for key in ("gain_low_frames", "gain_other_frames"))
        return float(low - other)

    def eta(self, method: str = "DEQ-21") -> float:
        """Return the temporal strength, (kBq/mL)⁻²."""
        return float(self.numbers[f"eta/{method}"]["value"])

    def epsilon(self, method: str = "DEQ-22") -> float:
        """Return the edge parameter, kBq/mL."""
        return float(self.numbers[f"epsilon/{method}"]["value"])

    def lambdas(self, method: str = "DEQ-21") -> Array:
        """Return the (frames,) spatial strengths, mL/kBq."""
        return self._array(f"lambda/{method}")

    def frame_errors(self, method: str) -> Array:
        """Return the (frames,) held-out squared errors, mean over realisations, (kBq/mL)²."""
        return np.asarray(self._array(f"frame_mse/{method}").mean(0))

    def share(self) -> Array:
        """Return the (frames,) shares of the trues, %."""
        return self._array("share")

    @property
    def voxel_size(self) -> tuple[float, ...]:
        """Millimetres."""
        return tuple(json.loads(str(self._array("reference.meta")))["voxel_size"])

    def truth(self) -> Array:
        """Return the truth in an early and a late frame, (2, X, Y), kBq/mL."""
        return self._array("reference")

    def absolute_errors(self, method: str) -> Array:
        """Return one realisation's absolute errors in those frames, (2, X, Y), kBq/mL."""
        return self._array(f"error/{method}")

    def regional_curves(self, method: str) -> Array:
        """Return striatal and occipital curves, (2, realisations, frames), kBq/mL; of `truth` too."""
        return self._array(f"tac/{method}").astype(float)

    def _array(self, key: str) -> Array:
        return load_array(key, LEARNING, **self.run)


def load_learned(scanner: str, profile: str, doses: list[float] | None = None) -> dict[tuple[str, float], LearnedRun]:
    """Return the runs of the learning notebook, by patient and dose.

    Parameters
    ----------
    scanner, profile : str
    doses : list of float, optional
        All of them when omitted.
    """
    found = {}
    for patient, anatomy in PATIENTS.items():
        for dose in learned_doses(profile) if doses is None else doses:
            run = {"scanner": scanner, "dose": float(dose), "anatomy": anatomy, "profile": profile}
            found[patient, float(dose)] = LearnedRun(load_numbers(LEARNING, **run), run)
    return found
