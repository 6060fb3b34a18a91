"""Make one run: lock its page, skip it when nothing changed, execute, put all its files in place at once."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from petrecon.compendium.runs.disk import cure_of
from petrecon.compendium.runs.execute import execute
from petrecon.compendium.runs.fingerprints import inputs_of, stamps_of
from petrecon.compendium.runs.locks import locked, working_folder
from petrecon.compendium.runs.receipts import OUTPUTS, make_receipt, read_receipt, status
from petrecon.compendium.runs.run import Run, plan, runs_dir
from petrecon.compendium.runs.user_files import check_files
from petrecon.errors import MissingError, PetreconError
from petrecon.provenance.atomic import write_json
from petrecon.provenance.bytecode import check_by_content
from petrecon.provenance.files import Stamp


def make_run(run: Run, *, force: bool = False, quiet: bool = False, wait: bool = False) -> tuple[bool, dict[str, Any]]:
    """Make a run unless its receipt is fresh.

    Parameters
    ----------
    run : Run
        What to run.
    force : bool
        Run even when nothing changed.
    quiet : bool
        No progress on stderr.
    wait : bool
        Wait when another process is writing the same page.

    Returns
    -------
    (bool, dict)
        Whether it was executed, and its receipt.

    Raises
    ------
    BusyError
        If another process is writing the same page.
    CardError, InputError
        If a file that a parameter names cannot be used.
    RunFailed
        If the notebook stopped with an error: earlier results are untouched.
    MissingError
        If the disk is full or read-only: the message names the cure, nothing is half-written.
    """
    name = f"{run.profile}__{run.stem}"
    try:
        check_files(run, quiet)
        with locked(name, f"{run.stem} ({run.profile})", wait):
            if not force and status(run).state == "fresh":
                receipt = read_receipt(run.path("receipt"))
                assert receipt is not None
                return False, receipt
            _try_to_write(runs_dir(run.profile))
            with working_folder(name) as folder:
                receipt = _make(run, folder, quiet)
                _publish(run, folder)
                return True, receipt
    except OSError as error:
        cure = cure_of(error)
        if cure is None:
            raise
        raise MissingError(cure) from error


def _try_to_write(folder: Path) -> None:
    """Write a small file and remove it: a full or read-only disk is noticed before anything is computed."""
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".{os.getpid()}.probe"
    try:
        probe.write_bytes(bytes(2**16))
        probe.unlink()
    except OSError as error:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
        error.filename = str(folder)
        raise


def _make(run: Run, folder: Path, quiet: bool) -> dict[str, Any]:
    """Execute into `folder` and write the receipt there."""
    from nbformat import write

    stem = folder / run.profile / run.stem
    stem.parent.mkdir()
    date, clock = datetime.now(UTC).strftime("%Y-%m-%d"), time.perf_counter()
    line = _Progress(run, quiet)
    check_by_content()
    before = inputs_of(run)
    stamps = stamps_of(before, run)
    try:
        notebook = execute(run, stem, line.show)
    except (PetreconError, OSError):
        line.end("failed")
        raise
    except KeyboardInterrupt:
        line.end("stopped")
        raise
    duration = time.perf_counter() - clock
    line.end(f"{duration:.1f} s")
    write(notebook, run.path("notebook", stem.parent))
    facts = json.loads(stem.with_name(stem.name + ".kernel.json").read_text(encoding="utf-8"))
    inputs, edited = _inputs_during(run, before, stamps, facts)
    if edited:
        print(f"{run.stem} is stale: {', '.join(edited)} edited during the run", file=sys.stderr)
    receipt = make_receipt(run, stem.parent, facts, inputs, edited, duration, date)
    write_json(run.path("receipt", stem.parent), receipt)
    return receipt


def _inputs_during(
    run: Run, before: dict[str, str], stamps: dict[str, Stamp | None], facts: dict[str, Any]
) -> tuple[dict[str, str], list[str]]:
    """Return what a run depended on, hashed before it started or when it was read, and what was written meanwhile."""
    read = facts["inputs"]
    try:
        now = inputs_of(plan(run.notebook, run.parameters), read)
    except PetreconError:
        return {**read, **before}, ["source"]
    inputs = {name: digest for name, digest in {**read, **before}.items() if name in now}
    edited = {name for name in facts["edited"] if name in now}
    edited |= {name for name, digest in inputs.items() if now[name] != digest or read.get(name, digest) != digest}
    edited |= {name for name, found in stamps_of(before, run).items() if stamps[name] != found}
    return inputs, sorted(edited)


def _publish(run: Run, folder: Path) -> None:
    """Put a run's files in place: all are copied beside their places, then renamed, the receipt last."""
    home = runs_dir(run.profile)
    home.mkdir(parents=True, exist_ok=True)
    kinds = ("numbers", "arrays", "notebook", "receipt")
    made = {kind: run.path(kind, folder / run.profile) for kind in kinds}
    staged = {kind: home / f".{run.path(kind).name}.partial" for kind, path in made.items() if path.exists()}
    try:
        for kind, place in staged.items():
            shutil.copyfile(made[kind], place)
        for kind, place in staged.items():
            os.replace(place, run.path(kind))
    finally:
        for place in staged.values():
            place.unlink(missing_ok=True)
    for kind in OUTPUTS:
        if kind not in staged:
            run.path(kind).unlink(missing_ok=True)


class _Progress:
    """One line on stderr that tells which cell is running; written once when stderr is not a terminal."""

    def __init__(self, run: Run, quiet: bool) -> None:
        words = [str(run.parameters[name]) for name in ("scanner",) if name in run.parameters]
        words += [f"dose {run.parameters['dose']:g}"] if "dose" in run.parameters else []
        self.title = "  ".join([f"{run.notebook} [{run.profile}]", *words])
        self.quiet, self.live, self.cell = quiet, sys.stderr.isatty(), ""

    def show(self, cell: int, cells: int) -> None:
        self.cell = f"cell {cell}/{cells}"
        if self.live and not self.quiet:
            print(f"\r\x1b[K{self.title}  {self.cell}", end="", file=sys.stderr, flush=True)

    def end(self, word: str) -> None:
        if not self.quiet:
            print(
                f"{chr(13) + chr(27) + '[K' if self.live else ''}{self.title}  {self.cell}  {word}",
                file=sys.stderr,
            )
