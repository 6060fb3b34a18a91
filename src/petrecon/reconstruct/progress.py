"""One progress bar for every iterative algorithm, and the callbacks that may end one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from torch import Tensor

from petrecon.errors import ParameterError

Callback = Callable[[int, Tensor], bool | None]
"""Called with the number of an iteration (from 1) and its image; when it returns True, that iteration is the last."""


def counted(count: int, label: str, progress: bool) -> Iterator[int]:
    """Yield 1 … count, with a bar on stderr when asked for.

    Parameters
    ----------
    count : int
        The last number, >= 0.
    label : str
        What the bar says.
    progress : bool
        Whether to show a bar.

    Raises
    ------
    ParameterError
        If `count` is negative or not a whole number.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ParameterError(f"{label} takes a whole number of iterations >= 0, got {count!r}")
    steps = range(1, count + 1)
    if not progress:
        yield from steps
        return
    from tqdm import tqdm

    yield from tqdm(steps, desc=label, file=sys.stderr, leave=False)


def ends(callback: Callback | None, iteration: int, image: Tensor) -> bool:
    """Call back, where there is something to call, and return whether the algorithm should end here."""
    return callback is not None and bool(callback(iteration, image))
