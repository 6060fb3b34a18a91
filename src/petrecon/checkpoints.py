"""Trainings that may be interrupted: checkpoints, and the loop over the steps that are left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from petrecon.errors import InputError
from petrecon.provenance.atomic import atomic_path


class Stateful(Protocol):
    """What can be stored and restored: a module, an optimiser, a schedule, or `Fields` of an object."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state, of tensors and plain values."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Restore a state."""
        ...


class Fields:
    """Some attributes of an object, as a part of a checkpoint.

    Parameters
    ----------
    owner : object
    *names : str
        Attributes that hold tensors or plain values.
    """

    def __init__(self, owner: object, *names: str) -> None:
        self._owner, self._names = owner, names

    def state_dict(self) -> dict[str, Any]:
        """Return the attributes by name."""
        return {name: getattr(self._owner, name) for name in self._names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Set the attributes."""
        for name, value in state_dict.items():
            setattr(self._owner, name, value)


def resumable(
    steps: Iterable[int],
    parts: Mapping[str, Stateful],
    path: str | Path | None,
    identity: Callable[[], dict[str, Any]],
    *,
    every: int = 1,
) -> Iterator[int]:
    """Yield the steps of a training that are left, and store its parts on the way.

    The parts are restored before the first step from the checkpoint, where there is one. They are stored after each
    step whose number is a multiple of `every`, and after the last; a step that is interrupted leaves the checkpoint
    before it. A training whose draws depend on the step's number alone then ends as if it had never stopped.

    Parameters
    ----------
    steps : iterable of int
        Ascending, from 1; those already done are left out.
    parts : mapping of Stateful
        All that the steps change.
    path : path, optional
        The checkpoint; None stores nothing.
    identity : callable
        Returns what a checkpoint must agree with (settings, data, code); called with a path only.
    every : int
        Steps between two checkpoints.

    Yields
    ------
    int
        Number of a step.

    Raises
    ------
    InputError
        If the checkpoint cannot be read, or is of another training; the message names what differs.

    Examples
    --------
    >>> import tempfile, types
    >>> sums = types.SimpleNamespace(total=0)
    >>> parts = {"sums": Fields(sums, "total")}
    >>> def run(stop):
    ...     for step in resumable(range(1, 5), parts, path, lambda: {"task": "sum"}):
    ...         if step == stop:
    ...             return
    ...         sums.total += step
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/sum.pt"
    ...     run(stop=3)  # interrupted: 1 + 2 is stored
    ...     sums.total = -100
    ...     run(stop=None)
    >>> sums.total
    10
    """
    if path is None:
        yield from steps
        return
    card, done, last = identity(), 0, 0
    if Path(path).is_file():
        state = load_checkpoint(path, card)
        done = last = state["step"]
        for name, part in parts.items():
            part.load_state_dict(state["parts"][name])

    def store() -> None:
        save_checkpoint(path, card, {"step": last, "parts": {name: p.state_dict() for name, p in parts.items()}})

    for last in steps:
        if last <= done:
            continue
        yield last
        if last % every == 0:
            store()
    if last > done and last % every:
        store()


def save_checkpoint(path: str | Path, identity: dict[str, Any], state: dict[str, Any]) -> None:
    """Write a checkpoint; an interruption leaves the previous one.

    Parameters
    ----------
    path : path
    identity : dict
        What `load_checkpoint` compares, of plain values.
    state : dict
        Of tensors and plain values.
    """
    with atomic_path(Path(path)) as partial:
        torch.save({"identity": identity, **state}, partial)


def load_checkpoint(path: str | Path, identity: dict[str, Any]) -> dict[str, Any]:
    """Return a checkpoint's state, on the CPU.

    Raises
    ------
    InputError
        If it cannot be read or its identity (code, settings and data) is another; the message names what differs.
    """
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        stored = state["identity"]
    except Exception as error:
        raise InputError(f"{path} is not a checkpoint of a training: delete it") from error
    different = sorted(k for k in identity.keys() | stored.keys() if stored.get(k) != identity.get(k))
    if different:
        raise InputError(f"the checkpoint {path} is of another training ({', '.join(different)} differ): delete it")
    return state
