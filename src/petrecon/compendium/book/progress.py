"""What a long command says while it works: how far it is, what runs, and about how long it will take."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import median
from typing import TextIO

from petrecon.compendium.book.ledger import PUBLISHED
from petrecon.compendium.runs.receipts import read_receipt
from petrecon.compendium.runs.run import Run


def earlier_seconds(run: Run) -> float | None:
    """Return how long a run took when it was last made here, else when it was published; None when it never was.

    A published run is larger than a quick one, so its time says only how runs compare: `Progress` learns the rest.
    """
    published = replace(run, parameters={**run.parameters, "profile": PUBLISHED})
    for made in (run, published):
        receipt = read_receipt(made.path("receipt"))
        if receipt is not None:
            return float(receipt["duration_s"])
    return None


_FIRST = 4
"""Runs that have to end before a time is told: what was published may have been made on a larger grid elsewhere."""


class Progress:
    """One line about many runs: rewritten on a terminal, a new one as each run starts elsewhere.

    Parameters
    ----------
    expected : mapping of str to (float or None)
        Every run that may have to be made, with its earlier seconds.
    total : int
        Runs in all, fresh ones too.
    workers : int
        Runs at a time.
    stream : file, optional
        Where it is written; standard error by default.
    clock : function, optional
        Returns seconds; for tests.
    """

    def __init__(
        self,
        expected: Mapping[str, float | None],
        total: int,
        workers: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.live = self.stream.isatty()
        self._clock, self._began = clock, clock()
        self._workers, self._total = workers, total
        known = [seconds for seconds in expected.values() if seconds is not None]
        usual = median(known) if known else None
        self._left = {name: usual if seconds is None else seconds for name, seconds in expected.items()}
        self._running: dict[str, float] = {}
        self._done, self._took, self._thought = total - len(expected), 0.0, 0.0
        self._ended, self._first = 0, min(_FIRST, len(expected) // 2)

    def start(self, name: str, command: str) -> None:
        """Say that a run starts."""
        self._running[name] = self._clock()
        self._write(command)

    def end(self, name: str, made: bool = True) -> None:
        """Count a run as done; how long it took corrects what is expected of the others."""
        began, thought = self._running.pop(name, None), self._left.pop(name, None)
        self._done += 1
        if made and began is not None and thought is not None:
            self._ended += 1
            self._took += self._clock() - began
            self._thought += thought
        if self.live:
            self._write(", ".join(self._running))

    def say(self, line: str) -> None:
        """Write a line of its own."""
        print(f"{self._clear()}{line}", file=self.stream, flush=True)

    def close(self) -> None:
        """Take the line off a terminal."""
        if self.live:
            print(self._clear(), end="", file=self.stream, flush=True)

    def seconds_left(self) -> float | None:
        """Return about how many seconds are left, or None while the first runs are under way.

        What earlier runs took, times how much slower or faster than that the runs were up to now, over the runs at a
        time; no less than the longest run that is left.
        """
        now, pace = self._clock(), self._took / self._thought if self._thought else 1.0
        if self._ended < self._first:
            return None
        left = []
        for name, seconds in self._left.items():
            if seconds is None:
                return None
            gone = now - self._running[name] if name in self._running else 0.0
            left.append(max(pace * seconds - gone, 0.0))
        return max(sum(left) / self._workers, max(left, default=0.0))

    def _write(self, what: str) -> None:
        line = f"[{self._done}/{self._total}] {what}  ({self._times()})"
        if self.live:
            print(f"{self._clear()}{line[:150]}", end="", file=self.stream, flush=True)
        else:
            print(line, file=self.stream, flush=True)

    def _times(self) -> str:
        gone, left = as_time(self._clock() - self._began), self.seconds_left()
        return gone if left is None else f"{gone}, about {as_time(left)} left"

    def _clear(self) -> str:
        return "\r\x1b[K" if self.live else ""


def as_time(seconds: float) -> str:
    """Return seconds as people say them: `40 s`, `12 min`, `2 h 5 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
