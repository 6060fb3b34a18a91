"""One progress bar for every iterative algorithm."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from torch import Tensor

Callback = Callable[[int, Tensor], None]


def counted(count: int, label: str, progress: bool) -> Iterator[int]:
    """Yield 1 … count, with a bar on stderr when asked for.

    Raises
    ------
    ValueError
        If `count` is negative.
    """
    if count < 0:
        raise ValueError(f"{label} needs zero or more iterations, got {count}")
    steps = range(1, count + 1)
    if not progress:
        yield from steps
        return
    from tqdm import tqdm

    yield from tqdm(steps, desc=label, file=sys.stderr, leave=False)
