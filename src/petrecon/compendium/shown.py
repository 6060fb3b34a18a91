"""What a notebook shows for the book: data with a label and a caption that the book reads from the output."""

from __future__ import annotations

import re
from typing import Any

from petrecon.errors import InputError

_NAME = re.compile(r"[a-z][a-z0-9-]*")


def check_words(name: str, caption: str) -> None:
    """Raise InputError unless `name` can be a label and there is a caption."""
    if not _NAME.fullmatch(name):
        raise InputError(f"the name {name!r} must be lower-case letters, digits and hyphens, such as 'fig-counts'")
    if not caption.strip():
        raise InputError(f"{name} has no caption")


def put(data: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Show data (by MIME type) with what the book has to know about it."""
    from IPython.display import display

    display(data, raw=True, metadata={"petrecon": metadata})
