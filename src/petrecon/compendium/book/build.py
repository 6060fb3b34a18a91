"""Build the book: gather prose, executed notebooks and generated pages, render, check, swap in."""

from __future__ import annotations

import base64
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

from petrecon.compendium.book.api_pages import PREFIX, write_api_page
from petrecon.compendium.book.generated import data_page, ledger_page, scanners_page
from petrecon.compendium.book.pages import broken, figures, page, stale, stub
from petrecon.compendium.book.render import bring_up_to_date, is_rendered, key_of, render
from petrecon.compendium.runs.locks import locked
from petrecon.compendium.runs.plan import Entry, matrix
from petrecon.compendium.runs.reading import read_notebook, reading
from petrecon.compendium.runs.receipts import Known, receipt_of, status
from petrecon.compendium.runs.run import Run, plan, shown
from petrecon.errors import CardError, MissingError, PetreconError, did_you_mean
from petrecon.paths import book_dir
from petrecon.yaml_files import read_yaml

_FIGURE = re.compile(r"^@FIGURE:([\w.-]+)/([\w.-]+)@$", re.MULTILINE)
_TITLES = {"ledger": "Ledger", "data_and_licences": "Data and licences", "scanners": "Scanners"}
_NOT_COPIED = ("_build", "runs")


def build(profile: str = "quick") -> Path:
    """Build the book of a profile and return its `index.html`.

    The book that was there stays until the new one is complete and has passed `check_html`; where nothing changed
    that it is made from, nothing is rendered.

    Raises
    ------
    MissingError
        If the pages cannot be rendered or a check fails: the message lists what is wrong, and where the log
        is.
    CardError
        If the table of contents names something that does not exist.
    """
    with locked("book", "the book", wait=True):
        return _build(profile, book_dir() / "_build")


def _build(profile: str, home: Path) -> Path:
    source = home / "source"
    bring_up_to_date(assemble(profile, home / "source.new"), source)
    key = key_of(source)
    if not is_rendered(home, key):
        render(source, home, key)
    return home / "html" / "index.html"


def assemble(profile: str, target: Path) -> Path:
    """Write the book's sources for a profile into an empty folder `target` and return it."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(book_dir(), target, ignore=lambda folder, _: _NOT_COPIED if Path(folder) == book_dir() else ())
    entries = matrix(profile)
    contents = read_yaml(book_dir() / "_toc.yml")
    gallery = [entry for entry in entries if entry.page == "gallery"]
    places = {_gallery_place(entry.run): entry.run for entry in gallery}
    pages: dict[str, list[dict[str, str]]] = {}
    for place, run in places.items():
        for marker in ("gallery", f"gallery/{run.notebook}"):
            pages.setdefault(marker, []).append({"file": place, "title": _short_title(run)})
    contents = _expand(contents, pages)
    for name in _files(contents):
        if name.startswith("chapters/"):
            places[name] = _chapter(name.removeprefix("chapters/"), profile, entries)
        elif name.startswith(PREFIX):
            write_api_page(target, name)
    names: dict[str, str] = {}
    known = Known()
    shown_at = {run.stem: place for place, run in places.items()}
    for place, run in places.items():
        _write_page(target, place, run, names, shown_at, known)
    _write_generated(target, profile, shown_at)
    for path in sorted(target.rglob("*.md")):
        _place_figures(path, target, profile, entries, known)
    toc = yaml.safe_dump(contents, sort_keys=False, allow_unicode=True)
    (target / "_toc.yml").write_text(toc, encoding="utf-8")
    return target


def _write_page(target: Path, place: str, run: Run, names: dict[str, str], pages: dict[str, str], known: Known) -> None:
    """Write one run's page, or a stub when it was not run or is broken; refuse a label that another page has."""
    import nbformat

    path = target / place
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        receipt = receipt_of(run)
        if receipt is None:
            path.with_name(path.name + ".md").write_text(stub(run), encoding="utf-8")
            return
        with reading(run.path("notebook"), run.command):
            notebook = page(run, receipt, status(run, known=known), pages)
    except MissingError as error:
        print(f"not shown: {error}", file=sys.stderr)
        path.with_name(path.name + ".md").write_text(broken(run, str(error)), encoding="utf-8")
        return
    for cell in notebook.cells:
        name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        if name and names.setdefault(name, place) != place:
            raise CardError(f"figure {name} is on {names[name]} and on {place}: put @RUN@ into its name")
    nbformat.write(notebook, path.with_name(path.name + ".ipynb"))


def _write_generated(target: Path, profile: str, pages: dict[str, str]) -> None:
    bodies = {
        "ledger": ledger_page(profile, pages),
        "data_and_licences": data_page(),
        "scanners": scanners_page(),
    }
    for name, body in bodies.items():
        path = target / f"{name}.md"
        intro = path.read_text(encoding="utf-8") if path.is_file() else f"# {_TITLES[name]}\n"
        path.write_text(f"{intro}\n{body}\n", encoding="utf-8")


def _place_figures(path: Path, target: Path, profile: str, entries: list[Entry], known: Known) -> None:
    """Replace lines `@FIGURE:notebook/name@` by that figure of the notebook's run, or by a note."""

    def figure(found: re.Match[str]) -> str:
        run = _chapter(found[1], profile, entries)
        try:
            if receipt_of(run) is None:
                return f":::{{note}}\nA figure belongs here; `{run.command}` makes it.\n:::"
            with reading(run.path("notebook"), run.command):
                told = {f["name"]: f for f in figures(read_notebook(run.path("notebook"), run.command))}
        except MissingError:
            return f":::{{note}}\nA figure belongs here; `{run.command} --force` makes it again.\n:::"
        own = told.get(found[2]) or told.get(f"fig-{found[2]}")
        if own is None:
            raise CardError(f"{path.name}: {run.notebook} shows no figure {found[2]!r}.{did_you_mean(found[2], told)}")
        picture = target / "_figures" / f"{run.notebook}-{found[2]}.png"
        picture.parent.mkdir(exist_ok=True)
        picture.write_bytes(base64.b64decode(own["png"]))
        way = Path(os.path.relpath(picture, path.parent)).as_posix()
        image = f"```{{image}} {way}\n:alt: {' '.join(own['alt'].split())}\n```\n\n{own['caption']}"
        return "\n\n".join([image, *filter(None, [stale(status(run, known=known), run, "figure")])])

    text = path.read_text(encoding="utf-8")
    if _FIGURE.search(text):
        path.write_text(_FIGURE.sub(figure, text), encoding="utf-8")


def _chapter(notebook: str, profile: str, entries: list[Entry]) -> Run:
    """Return the run that a chapter shows: the first of the matrix, else the notebook with its defaults."""
    for entry in entries:
        if entry.run.notebook == notebook and entry.page == "chapter":
            return entry.run
    try:
        return plan(notebook, {"profile": profile})
    except PetreconError as error:
        raise CardError(f"book/_toc.yml: chapters/{notebook}: {error}") from None


def _gallery_place(run: Run) -> str:
    return f"gallery/{run.notebook}-{run.label}"


def _short_title(run: Run) -> str:
    words = [
        f"dose {value:g}" if name == "dose" else shown(value)
        for name, value in run.given().items()
        if name != "profile"
    ]
    return ", ".join(words) or run.notebook


def _expand(part: Any, gallery: dict[str, list[dict[str, str]]]) -> Any:
    """Replace `gallery`, or `gallery/<notebook>`, in the table of contents by those pages."""
    if isinstance(part, list):
        return [
            new for item in part for new in (gallery.get(item, []) if _is_gallery(item) else [_expand(item, gallery)])
        ]
    if isinstance(part, dict):
        expanded = {name: _expand(value, gallery) for name, value in part.items()}
        return {name: value for name, value in expanded.items() if value != []}
    return part


def _is_gallery(item: Any) -> bool:
    return isinstance(item, str) and (item == "gallery" or item.startswith("gallery/"))


def _files(part: Any) -> list[str]:
    """Return every file that a table of contents names."""
    if isinstance(part, list):
        return [name for item in part for name in _files(item)]
    if isinstance(part, dict):
        own = [part[key] for key in ("file", "root") if isinstance(part.get(key), str)]
        return own + [name for value in part.values() for name in _files(value)]
    return []
