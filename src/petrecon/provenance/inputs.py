"""The hash that an input has now, by the name that a receipt gives it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from petrecon.paths import root
from petrecon.provenance.code import code_hash
from petrecon.provenance.files import data_hash, names_hash
from petrecon.provenance.imports import module_file
from petrecon.provenance.wheels import wheel_hash

MISSING = "missing"


def hash_now(name: str) -> str:
    """Return the hash of `module …`, `data …`, `file …`, `listing …` or `wheel …`; "missing" when it is gone."""
    kind, _, rest = name.partition(" ")
    if kind == "wheel":
        return wheel_hash(*rest.split(" ", 1))
    if kind == "module":
        path = module_file(rest)
        return code_hash(path) if path else MISSING
    place = root() / rest
    if kind == "listing":
        return names_hash(place) if place.is_dir() else MISSING
    return data_hash(place) if place.is_file() else MISSING


def changes(before: Mapping[str, str], now: Mapping[str, str], but: Iterable[str] = ()) -> list[str]:
    """Return which inputs changed, appeared or went between two sets of hashes, leaving out those in `but`."""
    told = [f"{name} changed" for name in now if name in before and before[name] != now[name]]
    told += [f"{name} is new" for name in now if name not in before]
    told += [f"{name} is no longer used" for name in before if name not in now]
    return [text for text in told if not any(text.startswith(f"{name} ") for name in but)]
