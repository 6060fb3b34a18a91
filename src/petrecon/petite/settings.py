"""How a training runs, with the published hyperparameters per architecture and method (Table 4 of the paper)."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, fields
from typing import Any

from petrecon.errors import ParameterError, did_you_mean
from petrecon.models.precision import PRECISIONS
from petrecon.models.specs import check_patch
from petrecon.paths import data_dir
from petrecon.schedules import warmup_cosine
from petrecon.settings_checks import check_choice, check_number, check_whole

OPTIMISERS = ("adam", "adamw")
SCHEDULES = ("cosine", "warmup-cosine", "constant")
OBJECTIVES = ("mse", "adversarial")


@dataclass(frozen=True)
class Settings:
    """Settings of one training.

    Attributes
    ----------
    steps : int
        Optimiser steps.
    volumes, crops : int
        Volumes per step (fewer when the set is smaller), and patches of each.
    patch : tuple of int
        Patch size in voxels.
    learning_rate, weight_decay : float
    optimiser : {"adam", "adamw"}
    schedule : {"cosine", "warmup-cosine", "constant"}
        Of the learning rate over the steps; the warm-up is linear over the first quarter (50 of 200 epochs).
    objective : {"mse", "adversarial"}
        Mean squared error (UNETR), or binary cross-entropy of the discriminator's logits + 100 · L1 (CVT-GAN).
    scaling : {"each", "shared"}
    pad : bool
        Whether axes of a grid shorter than the patch get empty voxels; otherwise such a grid is refused.
    validate_every : int
        Steps between two validations; 0 validates after the last step only.
    seed : int
        Draws patches, order and dropout.
    precision : {"auto", "float32"}
        Of the forward passes: "auto" takes bfloat16 on a GPU. A processor computes in float32 always: there a gradient
        of CVT-GAN's strided depthwise convolutions is sometimes not finite in bfloat16 (torch 2.13).
    """

    steps: int = 400
    volumes: int = 6
    crops: int = 4
    patch: tuple[int, int, int] = (64, 64, 64)
    learning_rate: float = 1e-3
    weight_decay: float = 1e-5
    optimiser: str = "adamw"
    schedule: str = "warmup-cosine"
    objective: str = "mse"
    scaling: str = "each"
    pad: bool = False
    validate_every: int = 0
    seed: int = 0
    precision: str = "auto"

    def __post_init__(self) -> None:
        object.__setattr__(self, "patch", tuple(self.patch))
        check_patch(self.patch)
        check_whole(self, "steps", "volumes", "crops", low=1)
        check_whole(self, "validate_every", "seed")
        check_number(self, "learning_rate", open=True)
        check_number(self, "weight_decay")
        for name, choices in (
            ("optimiser", OPTIMISERS),
            ("schedule", SCHEDULES),
            ("objective", OBJECTIVES),
            ("precision", PRECISIONS),
        ):
            check_choice(self, name, choices)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return {**asdict(self), "patch": list(self.patch)}

    def rate(self, step: int) -> float:
        """Return the learning rate of a step (0 … steps − 1) as a fraction of `learning_rate`."""
        if self.schedule == "constant":
            return 1.0
        warm = self.steps // 4 if self.schedule == "warmup-cosine" else 0
        return warmup_cosine(step, self.steps, warm, line=warm + 1)


_OBJECTIVES = {"cvt-gan": "adversarial", "unetr": "mse"}
_STEPS_PER_EPOCH = {"pretraining": 5, "other": 2}
"""30 source subjects, or 10 target subjects, at 6 volumes per step."""


def _printed() -> dict[tuple[str, str], dict[str, str]]:
    """Return the rows of Table 4 as printed, by network and method."""
    with (data_dir() / "paper" / "petite-table-4.csv").open(encoding="utf-8", newline="") as file:
        return {(row["network"], row["method"]): row for row in csv.DictReader(file)}


def table4(architecture: str, method: str, **changes: Any) -> Settings:
    """Return the published settings of a method, with changes.

    They are read from ``data/paper/petite-table-4.csv``. The paper gives epochs (150 for CVT-GAN, 200 for UNETR); with
    its 30 source or 10 target subjects at 6 volumes per step these are 750 / 1000 steps of pre-training and 300 / 400
    of fine-tuning.

    Parameters
    ----------
    architecture : {"cvt-gan", "unetr"}
    method : str
        A method of the table, or a mix such as ``lora->ssf``, which takes the settings of ``petite``; ``pretraining``
        has those of ``no-ft``, the network that is not tuned.
    **changes
        Fields of `Settings` to replace.

    Returns
    -------
    Settings

    Raises
    ------
    ParameterError
        For an unknown architecture, method or field, or a value out of range.

    Examples
    --------
    >>> settings = table4("unetr", "lora", steps=60)
    >>> settings.steps, settings.learning_rate, settings.weight_decay
    (60, 0.001, 0.0001)
    """
    printed = _printed()
    methods = ["pretraining", *dict.fromkeys(method for _, method in printed)]
    method = "petite" if "->" in method else method
    for value, known, what in ((architecture, _OBJECTIVES, "architecture"), (method, methods, "method in Table 4")):
        if value not in known:
            raise ParameterError(f"there is no {what} {value!r}.{did_you_mean(value, known)}")
    names = {f.name for f in fields(Settings)}
    for name in changes:
        if name not in names:
            raise ParameterError(f"a training has no setting {name!r}.{did_you_mean(name, names)}")
    row = printed[architecture, "no-ft" if method == "pretraining" else method]
    per_epoch = _STEPS_PER_EPOCH["pretraining" if method == "pretraining" else "other"]
    published: dict[str, Any] = {
        "steps": int(row["epochs"]) * per_epoch,
        "learning_rate": float(row["learning_rate"]),
        "weight_decay": float(row["weight_decay"]),
        "optimiser": row["optimiser"],
        "schedule": row["schedule"],
        "objective": _OBJECTIVES[architecture],
    }
    return Settings(**{**published, **changes})
