"""Files inside installed wheels: found without importing the package, named in the registry."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from petrecon import paths
from petrecon.errors import MissingError
from petrecon.yaml_files import read_yaml


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
    """Return the place of a file of the registry, by its id."""
    entry = registry()[file_id]
    return locate(entry["wheel"], entry["path"])


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
