"""Make every run of a profile that is stale, in order, two at a time; then the ledger, then the book."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

from petrecon.compendium.book.ledger import broken, counts, write_ledger
from petrecon.compendium.runs.execute import WORKERS, threads
from petrecon.compendium.runs.plan import Entry, matrix
from petrecon.compendium.runs.receipts import read_receipt, status
from petrecon.errors import KernelError, RunFailed

_PATIENCE = 20.0  # seconds for a child that was asked to stop: its kernel gets five


def reproduce(profile: str = "quick", only: str | None = None, workers: int = WORKERS) -> Path:
    """Make what is stale or missing, then the ledger and the book; return the book's first page.

    Parameters
    ----------
    profile : str
        quick, laptop or paper.
    only : str, optional
        One notebook, and what it needs.
    workers : int
        Runs at a time; each gets its share of the processor's cores.

    Raises
    ------
    RunFailed
        At the end, when runs failed: those that do not need them, the ledger and the book are made all the
        same.
    KernelError
        If no kernel can start on this machine: no further one is tried.
    """
    from petrecon.compendium.book.build import build

    outcome = make_all(matrix(profile, only), workers)
    content = write_ledger(profile)
    for line in broken(content):
        print(f"not counted: {line}", file=sys.stderr)
    index = build(profile)
    print(_summary(outcome, content))
    print(f"book: {index}")
    failed = [entry.run.stem for entry, word in outcome if word in ("failed", "skipped")]
    if failed:
        raise RunFailed(f"{len(failed)} of {len(outcome)} runs were not made: {', '.join(failed)}")
    return index


def make_all(entries: list[Entry], workers: int = WORKERS) -> list[tuple[Entry, str]]:
    """Make the runs of a matrix, each in a process of its own, after those it needs.

    Returns
    -------
    list of (Entry, str)
        In the order of `entries`: `"12.3 s"`, `"fresh"`, `"failed"`, or `"skipped"` when a run it needs
        failed.
    """
    words: dict[str, str] = {}
    waiting, running = list(entries), dict[Future[str], Entry]()
    children = _Children()
    with ThreadPoolExecutor(workers) as pool:
        try:
            while waiting or running:
                for entry in [e for e in waiting if _is_ready(e, entries, words)]:
                    if len(running) == workers:
                        break
                    waiting.remove(entry)
                    if _lacks(entry, entries, words):
                        words[entry.run.stem] = "skipped"
                    elif status(entry.run).state == "fresh":
                        words[entry.run.stem] = "fresh"
                    else:
                        where = f"[{len(words) + len(running) + 1}/{len(entries)}]"
                        print(f"{where} {entry.run.command}", file=sys.stderr, flush=True)
                        running[pool.submit(children.make, entry, workers)] = entry
                if running and (len(running) == workers or not any(_is_ready(e, entries, words) for e in waiting)):
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        words[running.pop(future).run.stem] = future.result()
        except (KeyboardInterrupt, KernelError):
            children.stop()
            raise
    return [(entry, words[entry.run.stem]) for entry in entries]


def _is_ready(entry: Entry, entries: list[Entry], words: dict[str, str]) -> bool:
    return all(e.run.stem in words for e in entries if e.run.notebook in entry.needs)


def _lacks(entry: Entry, entries: list[Entry], words: dict[str, str]) -> bool:
    return any(words.get(e.run.stem) in ("failed", "skipped") for e in entries if e.run.notebook in entry.needs)


class _Children:
    """The processes that make runs."""

    def __init__(self) -> None:
        self._all: list[subprocess.Popen[str]] = []
        self._stopped = False

    def make(self, entry: Entry, workers: int) -> str:
        """Make one run in a process of its own, and say what became of it."""
        options = [part for name, value in entry.run.given().items() for part in (f"--{name}", str(value))]
        command = [sys.executable, "-m", "petrecon.cli", "run", entry.run.notebook, *options, "--wait"]
        environment = {**os.environ, **threads(workers)}
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
        self._all.append(child)
        _, told = child.communicate()
        if self._stopped:
            return "failed"
        if child.returncode == KernelError.exit_code:
            raise KernelError(told.strip().splitlines()[-1].removeprefix("error: "))
        print(told.rstrip(), file=sys.stderr, flush=True)
        if child.returncode:
            return "failed"
        receipt = read_receipt(entry.run.path("receipt"))
        return f"{receipt['duration_s']:g} s" if receipt else "failed"

    def stop(self) -> None:
        """Ask all to stop (a terminal may have done so already), wait for them, and end those that do not."""
        self._stopped = True
        end = time.monotonic() + _PATIENCE
        for child in self._all:
            if child.poll() is None:
                child.terminate()
        for child in self._all:
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=max(0.0, end - time.monotonic()))
            child.kill()


def _summary(outcome: list[tuple[Entry, str]], content: dict[str, Any]) -> str:
    rows = [("notebook", "scanner", "dose", "time")]
    for entry, word in outcome:
        parameters = entry.run.parameters
        dose = f"{parameters['dose']:g}" if "dose" in parameters else "–"
        rows.append((entry.run.notebook, str(parameters.get("scanner", "–")), dose, word))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    found = ", ".join(f"{number} {word}" for word, number in counts(content).items() if number)
    return "\n".join([*lines, f"claims: {found or 'none'}"])
