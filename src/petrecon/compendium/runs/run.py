"""One run: a notebook, its parameters and its profile; where its files lie and the command that makes it."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from petrecon.compendium.runs.notebook_source import NotebookSource, find
from petrecon.compendium.runs.parameters import declared, resolve
from petrecon.compendium.runs.vocabulary import Value
from petrecon.paths import book_dir, root
from petrecon.provenance.files import file_hash
from petrecon.provenance.reads import unnoticed

_ENDINGS = {
    "notebook": ".ipynb",
    "receipt": ".receipt.json",
    "numbers": ".numbers.json",
    "arrays": ".arrays.npz",
}


@dataclass(frozen=True)
class Run:
    """A notebook with every parameter fixed."""

    source: NotebookSource
    parameters: Mapping[str, Value] = field(default_factory=dict)

    @property
    def notebook(self) -> str:
        """The notebook's name."""
        return self.source.name

    @property
    def profile(self) -> str:
        """The profile the run is made with."""
        return str(self.parameters["profile"])

    @property
    def stem(self) -> str:
        """File name without ending: `<notebook>__<scanner>__dose<dose>`, then what else is not default."""
        return "__".join([self.notebook, *self._words()])

    @property
    def label(self) -> str:
        """What `@RUN@` becomes (see `fill`): unique per run of one notebook, and valid in a label."""
        words = "-".join(self._words()) or "default"
        return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")

    @property
    def command(self) -> str:
        """The command that makes this run; a file of the user's is named as `shown` does."""
        changed = self._changed()
        options = [f"--{_option(name)} {shlex.quote(shown(value))}" for name, value in changed.items()]
        return " ".join(["petrecon run", self.notebook, f"--profile {self.profile}", *options])

    def fill(self, text: str) -> str:
        """Return text with `@RUN@` replaced by the label, and `@SCANNER@`, `@DOSE@`, … by the values."""
        for name, value in self.parameters.items():
            text = text.replace(f"@{name.upper()}@", shown(value))
        return text.replace("@RUN@", self.label)

    def path(self, kind: str, folder: Path | None = None) -> Path:
        """Return where the run's `notebook`, `receipt`, `numbers` or `arrays` lies."""
        return (folder or runs_dir(self.profile)) / (self.stem + _ENDINGS[kind])

    def given(self) -> dict[str, Value]:
        """Return the parameters that a command must name."""
        return {"profile": self.profile, **self._changed()}

    def _changed(self) -> dict[str, Value]:
        defaults = declared(self.source)
        shown = {n: v for n, v in self.parameters.items() if n != "profile"}
        return {n: v for n, v in shown.items() if n in ("scanner", "dose") or v != defaults.get(n)}

    def _words(self) -> list[str]:
        changed = self._changed()
        words = [_slug(changed.pop("scanner"))] if "scanner" in changed else []
        words += [f"dose{shown(changed.pop('dose'))}"] if "dose" in changed else []
        return words + [f"{_option(name)}-{_slug(value)}" for name, value in sorted(changed.items())]


def runs_dir(profile: str) -> Path:
    """Return the folder of a profile's executed notebooks."""
    return book_dir() / "runs" / profile


def plan(notebook: str | NotebookSource, given: Mapping[str, Any]) -> Run:
    """Return the run meant by a notebook's name and the parameters given; nothing is started.

    Raises
    ------
    InputError, ParameterError, CardError
        If the notebook is not known, a parameter is not valid, or the notebook's own parameters cell is not.
    """
    with unnoticed():
        source = find(notebook) if isinstance(notebook, str) else notebook
        return Run(source, resolve(source, given))


def shown(value: Value) -> str:
    """Return a parameter's value as text; a file by its way from the project's root, or outside of it by its name."""
    if _is_file(value):
        path = Path(str(value))
        return str(path.relative_to(root().resolve())) if path.is_relative_to(root().resolve()) else path.name
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _option(name: str) -> str:
    """Return a parameter's name as it is written at the command line: label_table → label-table."""
    return name.replace("_", "-")


def _slug(value: Value) -> str:
    """Return a value as part of a file's name; a file of the user's by its name and the start of its hash."""
    text = re.sub(r"\.(nii|nii\.gz|ya?ml|csv)$", "", Path(shown(value)).name) if _is_file(value) else shown(value)
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")
    return f"{slug}-{file_hash(Path(str(value)))[:6]}" if _is_file(value) else slug


def _is_file(value: Value) -> bool:
    return isinstance(value, str) and os.path.isabs(value)
