"""Notebook sources: `notebooks/NN_name.py` in percent format, found by number, name or unique beginning."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from petrecon.errors import InputError, did_you_mean, nearest
from petrecon.paths import notebooks_dir

_CELL = re.compile(r"^# %%(?P<head>[^\n]*)\n", re.MULTILINE)
_TAGS = re.compile(r"tags\s*=\s*\[([^\]]*)\]")


@dataclass(frozen=True)
class Cell:
    """One cell of a percent script: kind (`code` or `markdown`), tags, and its text as in the file."""

    kind: str
    tags: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class NotebookSource:
    """A notebook source."""

    path: Path

    @property
    def name(self) -> str:
        """The notebook's name, `NN_name`."""
        return self.path.stem

    @property
    def number(self) -> str:
        """The chapter's number as text, `"03"`; empty when the file has none."""
        found = re.match(r"\d+", self.name)
        return found[0] if found else ""

    @cached_property
    def text(self) -> str:
        """The file's text."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def cells(self) -> list[Cell]:
        """The cells, in order."""
        marks = list(_CELL.finditer(self.text))
        ends = [m.start() for m in marks[1:]] + [len(self.text)]
        cells = []
        for mark, end in zip(marks, ends, strict=True):
            tags = _TAGS.search(mark["head"])
            names = tuple(re.findall(r"[\"']([^\"']+)[\"']", tags[1])) if tags else ()
            kind = "markdown" if "[markdown]" in mark["head"] or "[md]" in mark["head"] else "code"
            cells.append(Cell(kind, names, self.text[mark.end() : end]))
        return cells

    def _prose(self) -> str:
        """Return the markdown cells as plain text."""
        lines = (line for cell in self.cells if cell.kind == "markdown" for line in cell.text.splitlines())
        return "\n".join(re.sub(r"^# ?", "", line) for line in lines)

    @property
    def title(self) -> str:
        """The first heading, or the name when there is none."""
        found = re.search(r"^# +(.+)$", self._prose(), re.MULTILINE)
        return found[1].strip() if found else self.name

    @property
    def time(self) -> str:
        """What the text says about how long it takes (`**Time:** 3 min`), or nothing."""
        found = re.search(r"^\W*time\W+(.+)$", self._prose(), re.MULTILINE | re.IGNORECASE)
        return found[1].strip().strip("*").strip() if found else ""


def sources() -> list[NotebookSource]:
    """Return every notebook source, in the book's order."""
    return [NotebookSource(path) for path in sorted(notebooks_dir().glob("[0-9]*_*.py"))]


def find(word: str) -> NotebookSource:
    """Return the notebook meant by `word`: its number (3 is 03), its name, or a unique beginning of it.

    Raises
    ------
    InputError
        If none or more than one fits; the message names the nearest or all that fit.
    """
    known = {source.name: source for source in sources()}
    if not known:
        raise InputError(f"there are no notebooks in {notebooks_dir()}")
    wanted = Path(word).stem if word.endswith((".py", ".ipynb")) else word
    if wanted in known:
        return known[wanted]
    number = f"{int(wanted):02d}" if wanted.isdecimal() else wanted
    fits = [s for s in known.values() if s.number == number]
    if not fits:
        fits = [s for s in known.values() if wanted and s.name.startswith(wanted)]
        fits = fits or [s for s in known.values() if wanted and s.name.split("_", 1)[-1].startswith(wanted)]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise InputError(f"{word!r} fits several notebooks: {', '.join(s.name for s in fits)}")
    bare = {name.split("_", 1)[-1]: name for name in known}
    near = nearest(wanted, known) or bare.get(nearest(wanted, bare) or "")
    hint = f" Did you mean {near!r}?" if near else did_you_mean(wanted, known)
    raise InputError(f"there is no notebook {word!r}.{hint}")
