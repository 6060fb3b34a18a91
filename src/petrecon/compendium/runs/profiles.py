"""Sizes of an experiment for each profile, kept in one place: `data/profiles.yml`."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from petrecon.errors import CardError, did_you_mean
from petrecon.paths import data_dir
from petrecon.provenance.files import kept_by_stamp, text_hash
from petrecon.provenance.reads import note, unnoticed
from petrecon.yaml_files import read_yaml


def profile_sizes(notebook: str, profile: str) -> dict[str, Any]:
    """Return a notebook's sizes for a profile, from `data/profiles.yml`; empty when it has none there.

    Raises
    ------
    CardError
        If the file is not valid, or names the notebook but not the profile.
    """
    path = data_dir() / "profiles.yml"
    if not path.is_file():
        return {}
    with unnoticed():
        own = _every(path).get(notebook)
    if own is None:
        return {}
    if not isinstance(own, dict) or profile not in own:
        raise CardError(f"data/profiles.yml: {notebook} has no section {profile!r}.{did_you_mean(profile, own or ())}")
    sizes = copy.deepcopy(dict(own[profile] or {}))
    note(f"profile sizes of {notebook} in {profile}", sizes_hash(sizes))
    return sizes


def sizes_hash(sizes: dict[str, Any]) -> str:
    """Return the hash of a notebook's sizes, in their order."""
    return text_hash(json.dumps(sizes))


@kept_by_stamp
def _every(path: Path) -> dict[str, Any]:
    return read_yaml(path, "data/profiles.yml") or {}
