"""Receipts: what a run depended on, made and cost; and the check whether that still holds."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from petrecon.compendium.runs.fingerprints import inputs_of
from petrecon.compendium.runs.run import Run, plan, runs_dir
from petrecon.errors import MissingError, PetreconError
from petrecon.paths import book_dir, root
from petrecon.provenance import versions, weight_receipts
from petrecon.provenance.files import file_hash
from petrecon.provenance.inputs import changes

SCHEMA = 2
OLDER = "the receipt is of an older form"
OUTPUTS = ("notebook", "numbers", "arrays")
_FIELDS: dict[str, tuple[type, ...]] = {
    "schema": (int,),
    "notebook": (str,),
    "profile": (str,),
    "parameters": (dict,),
    "command": (str,),
    "inputs": (dict,),
    "also_read": (list,),
    "outputs": (dict,),
    "versions": (dict,),
    "projectors": (list,),
    "device": (str,),
    "duration_s": (int, float),
    "peak_memory_mib": (int, float),
    "date": (str,),
}
_SINCE_2: dict[str, tuple[type, ...]] = {
    "edited": (list,),
    "threads": (dict,),
    "environment": (dict,),
    "cache": (dict,),
}
OF_A_RUN = re.compile(r"file (book/runs/[^/]+)/(.+)\.(?:ipynb|numbers\.json|arrays\.npz)")

Known = dict[Path, "Status | None"]


@dataclass(frozen=True)
class Status:
    """The state of a run's files: `fresh`, `stale`, `missing` or `corrupted`, and why.

    `notes` tell what does not make it stale but a reader should know: other versions of packages, or weights that
    are not of their card and code.
    """

    state: str
    because: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.because:
            return self.state
        shown = ", ".join(self.because[:4]) + (f" and {len(self.because) - 4} more" if len(self.because) > 4 else "")
        return f"stale: because {shown}" if self.state == "stale" else f"{self.state}: {shown}"

    def with_notes(self) -> str:
        """Return the state, why, and the notes: `fresh; made with numpy 2.3.5, here 2.4.0`."""
        return "; ".join([str(self), *self.notes])


def make_receipt(
    run: Run,
    folder: Path,
    facts: dict[str, Any],
    inputs: dict[str, str],
    edited: list[str],
    duration_s: float,
    date: str,
) -> dict[str, Any]:
    """Return the receipt of a run whose outputs lie in `folder`.

    Parameters
    ----------
    facts : dict
        What the kernel reported.
    inputs : dict
        Name → hash, of before the kernel started or of when it read them.
    edited : list of str
        Inputs that were written while it ran.
    """
    outputs = {kind: run.path(kind, folder) for kind in OUTPUTS}
    return {
        "schema": SCHEMA,
        "notebook": run.notebook,
        "profile": run.profile,
        "parameters": dict(run.parameters),
        "seed": run.parameters.get("seed"),
        "command": run.command,
        "inputs": inputs,
        "also_read": sorted(facts.get("inputs", {})),
        "edited": edited,
        "outputs": {kind: file_hash(path) for kind, path in outputs.items() if path.exists()},
        "versions": facts.get("versions", {}),
        "projectors": facts.get("projectors", []),
        "threads": facts.get("threads", {}),
        "environment": facts.get("environment", {}),
        "cache": facts.get("cache", {}),
        "device": facts.get("device", "cpu"),
        "duration_s": round(duration_s, 1),
        "peak_memory_mib": facts.get("peak_memory_mib"),
        "date": date,
    }


def read_receipt(path: Path) -> dict[str, Any] | None:
    """Return a receipt, or None when it is not one: missing, not JSON, another schema, or a field is not there."""
    try:
        receipt = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return receipt if isinstance(receipt, dict) and _is_whole(receipt) else None


def _is_whole(receipt: dict[str, Any]) -> bool:
    if receipt.get("schema") not in range(1, SCHEMA + 1):
        return False
    fields = {**_FIELDS, **(_SINCE_2 if receipt["schema"] > 1 else {})}
    if not all(type(receipt.get(name)) in kinds for name, kinds in fields.items()):
        return False
    texts = [*receipt["inputs"].values(), *receipt["outputs"].values(), *receipt["also_read"]]
    texts += [*receipt["versions"].values(), *receipt.get("edited", [])]
    texts += [text for part in receipt["projectors"] for text in (part.values() if isinstance(part, dict) else [None])]
    return receipt["outputs"].keys() <= set(OUTPUTS) and all(isinstance(text, str) for text in texts)


def receipt_of(run: Run) -> dict[str, Any] | None:
    """Return a run's receipt, or None when it was never run.

    Raises
    ------
    MissingError
        If what lies there is not a receipt; the message names the command that makes it again.
    """
    path = run.path("receipt")
    receipt = read_receipt(path)
    if receipt is None and path.exists():
        raise MissingError(f"{path} is not a receipt: run `{run.command} --force`")
    return receipt


def status(run: Run, folder: Path | None = None, known: Known | None = None) -> Status:
    """Compare a run's receipt with its files and with everything it depended on, as they are now.

    Parameters
    ----------
    run : Run
        The run.
    folder : Path, optional
        Where its files lie, when not in their place.
    known : dict, optional
        States found in this look around, by receipt: give the same one for many runs that read each other.

    Returns
    -------
    Status
        `missing` when it was never run; `corrupted` when a file was changed, lost or added since; `stale` with the
        names of the inputs that changed, appeared or went, were edited during the run, or are runs that are not fresh
        themselves; else `fresh`.
    """
    known = {} if known is None else known
    path = run.path("receipt", folder)
    if path not in known:
        known[path] = None  # a run that is asked while it is being looked at reads itself, by a circle
        known[path] = _look(run, path, folder, known)
    return known[path] or Status("fresh")


def _look(run: Run, path: Path, folder: Path | None, known: Known) -> Status:
    if not path.exists():
        return Status("missing")
    receipt = read_receipt(path)
    if receipt is None:
        return Status("corrupted", (f"{path.name} is not a receipt",))
    broken = _broken(run, receipt, folder)
    if broken:
        return Status("corrupted", tuple(broken))
    if receipt["schema"] < SCHEMA:
        return Status("stale", (OLDER,))
    changed = [f"{name} was edited during the run" for name in receipt["edited"]]
    changed += changes(receipt["inputs"], inputs_of(run, receipt["also_read"]), but=receipt["edited"])
    if receipt["parameters"] != dict(run.parameters):
        changed.append("parameters changed")
    changed += _not_fresh(receipt["inputs"], known)
    return Status("stale", tuple(changed)) if changed else Status("fresh", notes=tuple(_notes(receipt)))


def _broken(run: Run, receipt: dict[str, Any], folder: Path | None) -> list[str]:
    """Return which outputs are not those of the receipt: all of them and no others."""
    broken = []
    for kind in OUTPUTS:
        output, wanted = run.path(kind, folder), receipt["outputs"].get(kind)
        if wanted is None:
            broken += [f"{output.name} is not of this run"] if output.exists() and kind != "notebook" else []
        elif not output.is_file():
            broken.append(f"{output.name} is gone")
        elif file_hash(output) != wanted:
            broken.append(f"{output.name} was changed after the run")
    return broken if "notebook" in receipt["outputs"] else [*broken, "the receipt names no notebook"]


def _not_fresh(inputs: dict[str, str], known: Known) -> list[str]:
    """Return the runs that were read and are not fresh themselves."""
    read = dict.fromkeys((found[1], found[2]) for name in inputs if (found := OF_A_RUN.fullmatch(name)))
    states = {stem: _status_of(root() / folder, stem, known).state for folder, stem in read}
    return [f"{stem} is {state}" for stem, state in states.items() if state != "fresh"]


def _notes(receipt: dict[str, Any]) -> list[str]:
    notes = versions.differences(receipt["versions"])
    for name in receipt["inputs"]:
        if name.startswith("data data/weights/") and name.endswith(".safetensors"):
            told = weight_receipts.describe(root() / name.removeprefix("data "))
            notes += [f"its weights {Path(name).stem} are {told}"] if told not in ("", weight_receipts.OLD) else []
    return notes


def verify(profile: str | None = None) -> list[tuple[str, str, Status]]:
    """Return (profile, run, status) for every run that has files in `book/runs`."""
    base = book_dir() / "runs"
    folders = [runs_dir(profile)] if profile else sorted(p for p in base.glob("[!.]*") if p.is_dir())
    found, known = [], Known()
    for folder in folders:
        stems = {p.name.removesuffix(".receipt.json") for p in folder.glob("[!.]*.receipt.json")}
        stems |= {p.name.removesuffix(".ipynb") for p in folder.glob("[!.]*.ipynb")}
        found += [(folder.name, stem, _status_of(folder, stem, known)) for stem in sorted(stems)]
    return found


def run_of(folder: Path, stem: str) -> Run | None:
    """Return the run that a receipt in `folder` describes, or None when it can no longer be planned."""
    receipt = read_receipt(folder / f"{stem}.receipt.json")
    if receipt is None:
        return None
    try:
        return plan(receipt["notebook"], receipt["parameters"])
    except PetreconError:
        return None


def _status_of(folder: Path, stem: str, known: Known) -> Status:
    path = folder / f"{stem}.receipt.json"
    if not path.exists():
        return Status("corrupted", ("it has no receipt",))
    receipt = read_receipt(path)
    if receipt is None:
        return Status("corrupted", (f"{path.name} is not a receipt",))
    try:
        run = plan(receipt["notebook"], receipt["parameters"])
    except PetreconError as error:
        return Status("stale", (f"it can no longer be made ({error})",))
    if run.stem != stem:
        return Status("stale", (f"its name would now be {run.stem}",))
    return status(run, folder, known)
