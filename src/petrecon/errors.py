"""Errors that are a user's to mend: one line that says what is wrong and names the cure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class PetreconError(Exception):
    """Something the user can mend, in one line: Jupyter shows just that, the command too and exits with `exit_code`."""

    exit_code = 2

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback."""
        return [f"{type(self).__name__}: {' '.join(str(self).split())}"]


class CardError(PetreconError):
    """A scanner, tracer or parameter card has a missing, wrong or inconsistent field."""


class ParameterError(PetreconError):
    """A parameter has an unknown name, a wrong type or a value out of range."""


class InputError(PetreconError):
    """Data given by the user cannot be used: wrong shape, unit, sign or file."""


class MissingError(PetreconError):
    """Something that should be installed or present is not."""


class BusyError(PetreconError):
    """Another run is writing the same page."""


class RunFailed(PetreconError):
    """A notebook stopped with an error of its own."""

    exit_code = 1


class KernelError(PetreconError):
    """No kernel can start on this machine, so that no notebook can run."""

    exit_code = 3


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the valid word closest to `word`, or None when none is close."""
    found = get_close_matches(str(word), list(choices), n=1, cutoff=0.5)
    return found[0] if found else None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return a hint to append to an error: the nearest valid word, else all of them."""
    known = sorted(choices)
    near = nearest(word, known)
    return f" Did you mean {near!r}?" if near else f" Choose one of: {', '.join(known)}."
