"""The book of what there is first; then every run of a profile that is stale, in order; then ledger and book again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

from petrecon.compendium.book.ledger import PUBLISHED, broken, counts, write_ledger
from petrecon.compendium.book.progress import Progress, earlier_seconds
from petrecon.compendium.runs.execute import WORKERS, kernel_environment, threads
from petrecon.compendium.runs.plan import Entry, matrix
from petrecon.compendium.runs.receipts import Known, read_receipt, status
from petrecon.compendium.runs.warm import warm_server_for
from petrecon.errors import KernelError, RunFailed
from petrecon.paths import book_dir

_PATIENCE = 20.0  # seconds for a child that was asked to stop: its kernel gets five


def reproduce(profile: str = "quick", only: str | None = None, workers: int = WORKERS) -> Path:
    """Render the runs that are there, make what is stale or missing, then the ledger and the book again.

    Parameters
    ----------
    profile : str
        quick, laptop or paper.
    only : str, optional
        One notebook, and what it needs.
    workers : int
        Runs at a time; each gets its share of the processor's cores.

    Returns
    -------
    Path
        The book's first page.

    Raises
    ------
    RunFailed
        At the end, when runs failed: those that do not need them, the ledger and the book are made all the
        same.
    KernelError
        If no kernel can start on this machine: no further one is tried.
    """
    from petrecon.compendium.book.build import build

    entries = matrix(profile, only)
    outcome = make_all(entries, workers, first_book=_shown_first(profile, entries))
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


def _shown_first(profile: str, entries: list[Entry]) -> str:
    """Return the profile whose runs the first book shows: this one where all were made, else the published ones."""
    made = all(entry.run.path("receipt").is_file() for entry in entries)
    return profile if made or not any((book_dir() / "runs" / PUBLISHED).glob("*.receipt.json")) else PUBLISHED


def make_all(entries: list[Entry], workers: int = WORKERS, first_book: str = "") -> list[tuple[Entry, str]]:
    """Make the runs of a matrix, each in a process of its own, after those it needs.

    Parameters
    ----------
    entries : list of Entry
        The runs, each after those it needs.
    workers : int
        Runs at a time.
    first_book : str
        A profile whose book is rendered beside the first runs, unless all runs are fresh; none when empty.

    Returns
    -------
    list of (Entry, str)
        In the order of `entries`: `"12.3 s"`, `"fresh"`, `"failed"`, or `"skipped"` when a run it needs
        failed.
    """
    known = Known()
    stale = {e.run.stem: earlier_seconds(e.run) for e in entries if status(e.run, known=known).state != "fresh"}
    if not stale:
        return [(entry, "fresh") for entry in entries]
    progress = Progress(stale, len(entries), workers)
    with warm_server_for({**os.environ, **threads(workers), **kernel_environment()}) as variables:
        try:
            return _make_stale(entries, workers, first_book, stale.keys(), progress, variables)
        finally:
            progress.close()


def _make_stale(
    entries: list[Entry],
    workers: int,
    first_book: str,
    stale: Collection[str],
    progress: Progress,
    variables: Mapping[str, str],
) -> list[tuple[Entry, str]]:
    words = {entry.run.stem: "fresh" for entry in entries if entry.run.stem not in stale}
    waiting = [entry for entry in entries if entry.run.stem in stale]
    running: dict[Future[str], Entry | None] = {}
    children = _Children({**threads(workers), **variables}, progress)
    with ThreadPoolExecutor(workers) as pool:
        try:
            if first_book:
                progress.say(f"rendering the book of the {first_book} runs that are here …")
                running[pool.submit(children.book, first_book)] = None
            while waiting or running:
                for entry in [e for e in waiting if _is_ready(e, entries, words)]:
                    if len(running) == workers:
                        break
                    waiting.remove(entry)
                    if _lacks(entry, entries, words):
                        words[entry.run.stem] = "skipped"
                        progress.end(entry.run.stem, made=False)
                    else:
                        progress.start(entry.run.stem, entry.run.command)
                        running[pool.submit(children.make, entry)] = entry
                if running and (len(running) == workers or not any(_is_ready(e, entries, words) for e in waiting)):
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        ended = running.pop(future)
                        word = future.result()
                        if ended is not None:
                            words[ended.run.stem] = word
                            progress.end(ended.run.stem, made=word != "failed")
        except (KeyboardInterrupt, KernelError):
            children.stop()
            raise
    return [(entry, words[entry.run.stem]) for entry in entries]


def _is_ready(entry: Entry, entries: list[Entry], words: dict[str, str]) -> bool:
    return all(e.run.stem in words for e in entries if e.run.notebook in entry.needs)


def _lacks(entry: Entry, entries: list[Entry], words: dict[str, str]) -> bool:
    return any(words.get(e.run.stem) in ("failed", "skipped") for e in entries if e.run.notebook in entry.needs)


class _Children:
    """The processes that make runs, and what is set in their environment."""

    def __init__(self, variables: Mapping[str, str], progress: Progress) -> None:
        self._environment = {**os.environ, **variables}
        self._progress = progress
        self._all: list[subprocess.Popen[str]] = []
        self._stopped = False

    def make(self, entry: Entry) -> str:
        """Make one run in a process of its own, and say what became of it."""
        options = [part for name, value in entry.run.given().items() for part in (f"--{name}", str(value))]
        code, answer, messages = self._call("run", entry.run.notebook, *options, "--wait", "--quiet")
        if self._stopped:
            return "failed"
        if code == KernelError.exit_code:
            raise KernelError(messages.splitlines()[-1].removeprefix("error: "))
        if messages:
            self._progress.say(messages)
        if answer.endswith("(fresh, not run again)"):  # what it reads was made again, and is what it was
            return "fresh"
        receipt = read_receipt(entry.run.path("receipt"))
        return f"{receipt['duration_s']:g} s" if receipt and not code else "failed"

    def book(self, profile: str) -> str:
        """Render the book of what there is, in a process of its own; when it cannot, say so and go on."""
        code, answer, messages = self._call("book", "--profile", profile)
        if not self._stopped:
            self._progress.say(messages if code else f"book of the {profile} runs: {answer}")
        return "failed" if code else "rendered"

    def _call(self, *words: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "petrecon.cli", *words]
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self._environment
        )
        self._all.append(child)
        answer, messages = child.communicate()
        return child.returncode, answer.strip(), messages.strip()

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
