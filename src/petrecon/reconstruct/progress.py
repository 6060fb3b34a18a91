"""One progress bar for every iterative algorithm."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from torch import Tensor

from petrecon.errors import ParameterError

Callback = Callable[[int, Tensor], None]


def counted(count: int, label: str, progress: bool) -> Iterator[int]:
    """Yield 1 … count, with a bar on stderr when asked for.

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
