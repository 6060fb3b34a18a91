"""What each step of a training takes: its learning rate, and its examples."""

from __future__ import annotations

import math

import torch


def cosine(step: int, steps: int, *, first: float = 1.0, last: float = 0.0) -> float:
    r"""Return the value of a half cosine that falls from `first` to `last`.

    .. math:: r_i = r_{last} + \tfrac12 (r_{first} - r_{last}) (1 + \cos(\pi i / n))

    Parameters
    ----------
    step : int
        i, from 0.
    steps : int
        n: step n has the value `last`.
    first, last : float
        In any unit.

    Returns
    -------
    float

    Notes
    -----
    Source: Loshchilov and Hutter 2017 (SGDR), eq. 5, without restarts.

    Examples
    --------
    >>> [round(cosine(i, 4), 3) for i in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """
    return last + 0.5 * (first - last) * (1 + math.cos(math.pi * step / max(1, steps)))


def warmup_cosine(step: int, steps: int, warmup: int, *, line: int | None = None, last: float = 0.0) -> float:
    """Return the fraction of the learning rate at a step: a line up to 1 for `warmup` steps, then `cosine`.

    Parameters
    ----------
    step : int
        From 0 to `steps` - 1.
    steps : int
        Of the whole training.
    warmup : int
        Steps on the line; 0 starts at 1.
    line : int, optional
        Steps after which the line would reach 1: `warmup` itself by default, `warmup` + 1 where the first step of the
        cosine is the first at the full rate.
    last : float
        Fraction at the end.

    Returns
    -------
    float

    Examples
    --------
    >>> [round(warmup_cosine(i, 6, 2), 3) for i in range(6)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    if step < warmup:
        return (step + 1) / (line or warmup)
    return cosine(step - warmup, steps - warmup, last=last)


def examples_of(step: int, count: int, batch: int, seed: int) -> list[int]:
    """Return which of `count` examples a step sees: each once per epoch, in an order drawn for every epoch.

    Parameters
    ----------
    step : int
        From 0.
    count : int
        Examples in the training set.
    batch : int
        Examples per step; the last step of an epoch takes those that are left.
    seed : int
        With the number of the epoch it decides the order.

    Returns
    -------
    list of int

    Examples
    --------
    >>> epoch = [examples_of(step, 5, 2, seed=0) for step in range(3)]
    >>> [len(part) for part in epoch], sorted(sum(epoch, []))
    ([2, 2, 1], [0, 1, 2, 3, 4])
    """
    epoch, part = divmod(step, math.ceil(count / batch))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
    chosen: list[int] = order[part * batch : (part + 1) * batch].tolist()
    return chosen
