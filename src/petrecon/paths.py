"""Where the project's folders are: found once, here."""

from __future__ import annotations

import os
from pathlib import Path

from petrecon.errors import MissingError


def root() -> Path:
    """Return the folder that holds `data/`, `notebooks/` and `book/`.

    `PETRECON_HOME` wins; otherwise the checkout this package was installed from (editable install), otherwise
    the current folder or the nearest one above it that is a checkout.

    Raises
    ------
    MissingError
        If none of these holds `data/scanners`.
    """
    named = os.environ.get("PETRECON_HOME")
    here = Path.cwd()
    places = [Path(named)] if named else [Path(__file__).resolve().parents[2], here, *here.parents]
    for place in places:
        if (place / "data" / "scanners").is_dir():
            return place
    raise MissingError(
        "the compendium's data folder was not found: set PETRECON_HOME to the folder of the checkout "
        "(the one that holds data/scanners)"
    )


def data_dir() -> Path:
    """Return the folder of cards, tables and weights."""
    return root() / "data"


def notebooks_dir() -> Path:
    """Return the folder of notebook sources."""
    return root() / "notebooks"


def book_dir() -> Path:
    """Return the folder of the book's prose and runs."""
    return root() / "book"


def working_dir() -> Path:
    """Return the folder of runs in the making and of their locks (no cache: it may not be deleted)."""
    folder = book_dir() / "runs" / ".running"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cache_dir() -> Path:
    """Return the folder of derived files that may be deleted at any time (`PETRECON_CACHE` overrides it).

    Raises
    ------
    MissingError
        If a file is in its place.
    """
    named = os.environ.get("PETRECON_CACHE")
    folder = Path(named) if named else root() / ".cache"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        cure = "let PETRECON_CACHE name a folder" if named else "move it away"
        raise MissingError(f"the cache {folder} cannot be made, for a file is in its place: {cure}") from None
    return folder
