"""Who is scanned where: subjects that no two scanners and no two splits share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from petrecon.errors import InputError, ParameterError, did_you_mean
from petrecon.paths import data_dir
from petrecon.phantoms import SPLITS, Hypometabolism, check_disjoint
from petrecon.phantoms.draws import check_seed, generator
from petrecon.projectors import scanner_names

ANATOMIES: dict[str, tuple[str, ...]] = {
    "train": SPLITS["train"],
    "test": (*SPLITS["test"], *SPLITS["validation"]),
}
"""Split → anatomies. Nothing is tuned on the validation head of `SPLITS` here, so it serves for testing."""

LOWERED = ("precuneus", "posteriorcingulate", "inferiorparietal", "middletemporal", "entorhinal", "superiorfrontal")
"""Regions whose uptake falls in Alzheimer's disease and frontotemporal dementia, the populations of ADNI."""


@dataclass(frozen=True)
class Member:
    """One subject of a scanner's population.

    Attributes
    ----------
    scanner, split : str
    number : int
        Place in the population.
    anatomy : str
    seed : int
        Draws its warp, uptake, findings and counts.
    """

    scanner: str
    split: str
    number: int
    anatomy: str
    seed: int

    @property
    def identity(self) -> tuple[str, int]:
        """What makes two members the same person: anatomy and seed."""
        return self.anatomy, self.seed

    def hypometabolic_regions(self) -> tuple[Hypometabolism, ...]:
        """Return the regions of low uptake: none in a third of the members, else one to three regions at 0.6–0.9."""
        draw = generator(self.seed, "findings")
        chosen = draw.permutation(len(LOWERED))[: int(draw.integers(1, 4))]
        if draw.random() < 1 / 3:
            return ()
        return tuple(Hypometabolism(LOWERED[i], float(draw.uniform(0.6, 0.9))) for i in chosen)


def population(scanner: str, split: str, n: int, seed: int = 0) -> list[Member]:
    """Return the first `n` members of a scanner's split; a larger `n` only adds members.

    The same seed gives other subjects on every scanner and in every split.

    Parameters
    ----------
    scanner : str
        Card.
    split : str
        "train" or "test".
    n : int
    seed : int

    Returns
    -------
    list of Member

    Raises
    ------
    ParameterError
        For an unknown scanner or split, or n < 1.
    """
    if not scanner.endswith((".yaml", ".yml")) and not (data_dir() / "scanners" / f"{scanner}.yaml").is_file():
        raise ParameterError(f"there is no scanner {scanner!r}.{did_you_mean(scanner, scanner_names())}")
    if split not in ANATOMIES:
        raise ParameterError(f"there is no split {split!r}.{did_you_mean(split, ANATOMIES)}")
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ParameterError(f"a population of {n!r} subjects: give a whole number of at least 1")
    heads = ANATOMIES[split]
    seeds = [int(generator(check_seed(seed), "petite", scanner, split, k).integers(2**31)) for k in range(n)]
    return [Member(scanner, split, k, heads[k % len(heads)], seeds[k]) for k in range(n)]


def folds(members: Sequence[Member], count: int = 3, seed: int = 0) -> list[tuple[list[Member], list[Member]]]:
    """Return (training, validation) for each of `count` folds: every member validates once.

    Parameters
    ----------
    members : sequence of Member
    count : int
    seed : int
        Shuffles the members.

    Returns
    -------
    list of (list of Member, list of Member)

    Raises
    ------
    ParameterError
        If there are fewer members than folds, or fewer than two folds.
    """
    if not 2 <= count <= len(members):
        raise ParameterError(f"{count} folds of {len(members)} subjects: give 2 to {len(members)} folds")
    order = generator(check_seed(seed), "folds").permutation(len(members))
    out = []
    for k in range(count):
        held = set(order[k::count].tolist())
        out.append(
            (
                [m for i, m in enumerate(members) if i not in held],
                [m for i, m in enumerate(members) if i in held],
            )
        )
    return out


def check_members(**sets: Iterable[Member]) -> None:
    """Refuse sets that share a subject, and a set ``test`` that shares an anatomy with any other.

    ``check_members(train=[...], validation=[...], test=[...])``

    Parameters
    ----------
    **sets : iterable of Member
        By what they are used for.

    Raises
    ------
    InputError
        Naming the subject or the anatomy, and the two sets.
    """
    seen: dict[tuple[str, int], str] = {}
    listed = {label: list(members) for label, members in sets.items()}
    for label, members in listed.items():
        for identity in sorted({m.identity for m in members}):
            if identity in seen:
                raise InputError(
                    f"subject {identity[0]} (seed {identity[1]}) is in both the {seen[identity]} set and the {label} "
                    "set: draw each set from its own split or fold"
                )
            seen[identity] = label
    others = [m.anatomy for label, members in listed.items() if label != "test" for m in members]
    check_disjoint(training=others, test=[m.anatomy for m in listed.get("test", [])])
