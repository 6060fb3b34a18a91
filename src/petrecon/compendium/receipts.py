"""Receipts: what a run depended on, made and cost; and the check whether that still holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from petrecon.compendium.fingerprints import inputs_of
from petrecon.compendium.hashes import file_hash
from petrecon.compendium.runs import Run, plan, runs_dir
from petrecon.errors import MissingError, PetreconError
from petrecon.paths import book_dir

SCHEMA = 1
OUTPUTS = ("notebook", "numbers", "arrays")
_FIELDS: dict[str, type | tuple[type, ...]] = {
    "schema": int,
    "notebook": str,
    "profile": str,
    "parameters": dict,
    "command": str,
    "inputs": dict,
    "also_read": list,
    "outputs": dict,
    "versions": dict,
    "projectors": list,
    "device": str,
    "duration_s": (int, float),
    "peak_memory_mib": (int, float),
    "date": str,
}


@dataclass(frozen=True)
class Status:
    """The state of a run's files: `fresh`, `stale`, `missing` or `corrupted`, and why."""

    state: str
    because: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.because:
            return self.state
        shown = ", ".join(self.because[:4]) + (f" and {len(self.because) - 4} more" if len(self.because) > 4 else "")
        return f"stale: because {shown}" if self.state == "stale" else f"{self.state}: {shown}"


def make_receipt(run: Run, folder: Path, facts: dict[str, Any], duration_s: float, date: str) -> dict[str, Any]:
    """Return the receipt of a run whose outputs lie in `folder`; `facts` is what the kernel reported."""
    outputs = {kind: run.path(kind, folder) for kind in OUTPUTS}
    return {
        "schema": SCHEMA,
        "notebook": run.notebook,
        "profile": run.profile,
        "parameters": dict(run.parameters),
        "seed": run.parameters.get("seed"),
        "command": run.command,
        "inputs": inputs_of(run, facts.get("inputs", [])),
        "also_read": facts.get("inputs", []),
        "outputs": {kind: file_hash(path) for kind, path in outputs.items() if path.exists()},
        "versions": facts.get("versions", {}),
        "projectors": facts.get("projectors", []),
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
    if not all(isinstance(receipt.get(name), kind) for name, kind in _FIELDS.items()):
        return False
    texts = [*receipt["inputs"].values(), *receipt["outputs"].values(), *receipt["also_read"]]
    texts += [text for part in receipt["projectors"] for text in (part.values() if isinstance(part, dict) else [None])]
    known = receipt["schema"] == SCHEMA and receipt["outputs"].keys() <= set(OUTPUTS)
    return known and all(isinstance(text, str) for text in texts)


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


def status(run: Run, folder: Path | None = None) -> Status:
    """Compare a run's receipt with its files and with everything it depended on, as they are now.

    Returns
    -------
    Status
        `missing` when it was never run; `corrupted` when a file was changed or lost since; `stale` with the
        names of the inputs that changed, appeared or went; else `fresh`.
    """
    path = run.path("receipt", folder)
    if not path.exists():
        return Status("missing")
    receipt = read_receipt(path)
    if receipt is None:
        return Status("corrupted", (f"{path.name} is not a receipt",))
    broken = []
    for kind, wanted in receipt["outputs"].items():
        output = run.path(kind, folder)
        if not output.is_file():
            broken.append(f"{output.name} is gone")
        elif file_hash(output) != wanted:
            broken.append(f"{output.name} was changed after the run")
    if "notebook" not in receipt["outputs"]:
        broken.append("the receipt names no notebook")
    if broken:
        return Status("corrupted", tuple(broken))
    before, now = receipt["inputs"], inputs_of(run, receipt["also_read"])
    changed = [f"{name} changed" for name in now if name in before and before[name] != now[name]]
    changed += [f"{name} is new" for name in now if name not in before]
    changed += [f"{name} is no longer used" for name in before if name not in now]
    if receipt["parameters"] != dict(run.parameters):
        changed.append("parameters changed")
    return Status("stale", tuple(changed)) if changed else Status("fresh")


def verify(profile: str | None = None) -> list[tuple[str, str, Status]]:
    """Return (profile, run, status) for every run that has files in `book/runs`."""
    base = book_dir() / "runs"
    folders = [runs_dir(profile)] if profile else sorted(p for p in base.glob("*") if p.is_dir())
    found = []
    for folder in folders:
        stems = {p.name.removesuffix(".receipt.json") for p in folder.glob("*.receipt.json")}
        stems |= {p.name.removesuffix(".ipynb") for p in folder.glob("*.ipynb")}
        found += [(folder.name, stem, _status_of(folder, stem)) for stem in sorted(stems)]
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


def _status_of(folder: Path, stem: str) -> Status:
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
    return status(run, folder)
