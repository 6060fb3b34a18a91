"""What a notebook shows: for the book, data with a label and caption in its metadata; by hand, both to be read."""

from __future__ import annotations

import re
import struct
from typing import Any

from petrecon.compendium.notebook.by_hand import by_hand, fill, shell
from petrecon.compendium.notebook.plain_text import plain
from petrecon.errors import InputError

DPI = 160
_SCREEN_DPI = 96
_NAME = re.compile(r"[a-z][a-z0-9-]*")


def check_words(name: str, caption: str) -> None:
    """Raise InputError unless `name` can be a label and there is a caption."""
    if not _NAME.fullmatch(name):
        raise InputError(f"the name {name!r} must be lower-case letters, digits and hyphens, such as 'fig-counts'")
    if not caption.strip():
        raise InputError(f"{name} has no caption")


def show_data(data: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Show data (by MIME type) with what the book has to know about it; by hand, its caption below it."""
    from IPython.display import display

    if not by_hand():
        display(data, raw=True, metadata={"petrecon": metadata})
        return
    if shell() is None:
        print(data["text/plain"])
    else:
        display(data, raw=True, metadata={"petrecon": metadata, **_size(data)})
    show_markdown(f"**{metadata['kind'].capitalize()}.** {metadata['caption']}")


def show_markdown(text: str) -> None:
    """Show a sentence as Markdown; by hand, with the notebook's values in it and without the book's roles."""
    from IPython.display import Markdown, display

    if not by_hand():
        display(Markdown(text))
    elif shell() is None:
        print(plain(fill(text)))
    else:
        display(Markdown(plain(fill(text))))


def _size(data: dict[str, Any]) -> dict[str, Any]:
    """Return the size at which a notebook shows a picture: that of the figure in inches, on a common screen."""
    if "image/png" not in data:
        return {}
    width, height = (round(side * _SCREEN_DPI / DPI) for side in struct.unpack(">II", data["image/png"][16:24]))
    return {"image/png": {"width": width, "height": height}}
