"""Sizes of an experiment for each profile, kept in one place: `data/profiles.yml`."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import RootModel

from petrecon.cards import known_keys, load_card
from petrecon.errors import CardError, did_you_mean
from petrecon.paths import data_dir
from petrecon.profiles import PROFILES
from petrecon.provenance.files import kept_by_stamp, text_hash
from petrecon.provenance.reads import note, unnoticed
from petrecon.yaml_files import read_yaml


def profile_sizes(notebook: str, profile: str) -> dict[str, Any]:
    """Return a notebook's sizes for a profile, from `data/profiles.yml`; empty when it has none there.

    Parameters
    ----------
    notebook : str
        Its name.
    profile : {"quick", "laptop", "paper"}

    Returns
    -------
    dict
        Name → number, text or list, as the file says. The sizes become an input of the run.

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
    if profile not in own:
        raise CardError(f"data/profiles.yml: {notebook} has no section {profile!r}.{did_you_mean(profile, own)}")
    sizes = copy.deepcopy(dict(own[profile] or {}))
    note(f"profile sizes of {notebook} in {profile}", sizes_hash(sizes))
    return sizes


def sizes_hash(sizes: dict[str, Any]) -> str:
    """Return the hash of a notebook's sizes, in their order."""
    return text_hash(json.dumps(sizes))


class _Sizes(RootModel[dict[str, Annotated[dict[str, dict[str, Any] | None], known_keys(PROFILES)]]]):
    """`data/profiles.yml`: notebook → profile → sizes."""


@kept_by_stamp
def _every(path: Path) -> dict[str, Any]:
    content = read_yaml(path, "data/profiles.yml") or {}
    load_card(_Sizes, content, "data/profiles.yml")
    return content
