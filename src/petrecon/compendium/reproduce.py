"""Make every run of a profile that is stale, in order, two at a time; then the ledger, then the book."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

from petrecon.compendium.ledger import broken, counts, write_ledger
from petrecon.compendium.matrix import Entry, matrix
from petrecon.compendium.receipts import read_receipt, status
from petrecon.errors import RunFailed

WORKERS = 2


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
    """
    from petrecon.compendium.book import build

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
    children: list[subprocess.Popen[str]] = []
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
                        running[pool.submit(_make_one, entry, workers, children)] = entry
                if running and (len(running) == workers or not any(_is_ready(e, entries, words) for e in waiting)):
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        words[running.pop(future).run.stem] = future.result()
        except KeyboardInterrupt:
            _stop(children)
            raise
    return [(entry, words[entry.run.stem]) for entry in entries]


def _is_ready(entry: Entry, entries: list[Entry], words: dict[str, str]) -> bool:
    return all(e.run.stem in words for e in entries if e.run.notebook in entry.needs)


def _lacks(entry: Entry, entries: list[Entry], words: dict[str, str]) -> bool:
    return any(words.get(e.run.stem) in ("failed", "skipped") for e in entries if e.run.notebook in entry.needs)


def _make_one(entry: Entry, workers: int, children: list[subprocess.Popen[str]]) -> str:
    options = [part for name, value in entry.run.given().items() for part in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "petrecon.cli", "run", entry.run.notebook, *options, "--wait"]
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads}
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
    children.append(child)
    _, told = child.communicate()
    print(told.rstrip(), file=sys.stderr, flush=True)
    if child.returncode:
        return "failed"
    receipt = read_receipt(entry.run.path("receipt"))
    return f"{receipt['duration_s']:g} s" if receipt else "failed"


def _stop(children: list[subprocess.Popen[str]]) -> None:
    """Let children end (Ctrl-C in a terminal reached them too); ask, then make those that do not."""
    for ask in (
        lambda child: None,
        lambda child: child.send_signal(signal.SIGINT),
        subprocess.Popen.terminate,
    ):
        running = [child for child in children if child.poll() is None]
        for child in running:
            ask(child)
        for child in running:
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=3)


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
