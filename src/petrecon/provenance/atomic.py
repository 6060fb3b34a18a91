"""Files written at once or not at all: beside their place first, then moved onto it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; it replaces `path` when the block ends, and is removed when it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Any, *, sort: bool = True) -> None:
    """Write JSON at once or not at all, with its keys in alphabetical order unless theirs means something."""
    text = json.dumps(content, indent=1, sort_keys=sort, allow_nan=False, ensure_ascii=False)
    with atomic_path(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")
