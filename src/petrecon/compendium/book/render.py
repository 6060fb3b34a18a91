"""Turn the book's assembled sources into pages: only what changed is read again, and every page is written anew."""

from __future__ import annotations

import filecmp
import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from petrecon.compendium.book.check_html import check_html
from petrecon.errors import MissingError
from petrecon.provenance.atomic import write_json
from petrecon.provenance.code import code_digest
from petrecon.provenance.files import file_hash, text_hash

_TOOLS = (
    *("jupyter-book", "sphinx", "myst-nb", "myst-parser", "sphinx-book-theme", "pydata-sphinx-theme", "docutils"),
    *("sphinx-design", "sphinx-togglebutton", "sphinx-copybutton", "sphinxcontrib-bibtex", "sphinx-proof"),
    *("sphinx-exercise", "pygments", "jinja2"),
)
# Sphinx keeps what it read of a page until the page changes, and this is safe: what a page says of others (numbers of
# figures, titles) is put in when pages are written, and all are. So an incremental book equals one made from nothing.
_RENDER = """
import sys
from jupyter_book.sphinx import build_sphinx
source, html, doctrees = sys.argv[1:]
told = {"external_toc_path": source + "/_toc.yml", "nitpicky": True, "latex_individualpages": False,
        "html_theme_options": {"use_download_button": False}}  # it would offer sources, which the book leaves out
done = build_sphinx(source, html, noconfig=True, path_config=source + "/_config.yml", confoverrides=told,
                    doctreedir=doctrees, force_all=True, quiet=True, warningiserror=True, keep_going=True)
sys.exit(1 if done else 0)
"""


def key_of(source: Path) -> str:
    """Return the hash of all that decides what the pages of assembled sources become."""
    files = {str(path.relative_to(source)): file_hash(path) for path in sorted(source.rglob("*")) if path.is_file()}
    parts = {"files": files, "tools": [_version(tool) for tool in _TOOLS], "python": sys.version}
    return text_hash(json.dumps([parts, code_digest("petrecon.compendium.book.render"), _RENDER], sort_keys=True))


def is_rendered(home: Path, key: str) -> bool:
    """Tell whether the book in `home/html` was made from sources of this key."""
    return (home / "html" / "index.html").is_file() and _read(home / "built.json") == key


def render(source: Path, home: Path, key: str) -> None:
    """Render sources into `home/html`: the book that was there stays until the new one has passed its checks.

    Parameters
    ----------
    source : Path
        The folder of assembled sources; files that did not change must have kept their times.
    home : Path
        The folder of the book; what Sphinx read lies in `home/work`, and goes when anything is wrong with it.
    key : str
        What `key_of` says of the sources.

    Raises
    ------
    MissingError
        If a page cannot be rendered or a check fails: the message lists what is wrong, and where the log is.
    """
    work, log = home / "work", home / "build.log"
    new = work / "html"
    shutil.rmtree(new if _read(work / "tools.json") == _tools() else work, ignore_errors=True)
    work.mkdir(exist_ok=True)
    command = [sys.executable, "-c", _RENDER, str(source), str(new), str(work / "doctrees")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=source, check=False)
    log.write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode:
        shutil.rmtree(work, ignore_errors=True)  # what Sphinx has read once it does not warn of again
        lines = [line for line in (done.stdout + done.stderr).splitlines() if re.search("WARNING|ERROR|Error", line)]
        raise MissingError(_several(f"the book was not built (log: {log})", lines or ["see the log"]))
    write_json(work / "tools.json", _tools())
    wrong = check_html(new)
    if wrong:
        raise MissingError(_several(f"the book was built but fails its checks ({new})", wrong))
    (home / "built.json").unlink(missing_ok=True)
    _swap(new, home / "html")
    write_json(home / "built.json", key)


def bring_up_to_date(new: Path, place: Path) -> None:
    """Make the folder `place` equal to `new`, which goes; files that are equal already keep their times."""
    place.mkdir(parents=True, exist_ok=True)
    files = {path.relative_to(new) for path in new.rglob("*") if path.is_file()}
    for path in sorted(place.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.relative_to(place) not in files:
            path.unlink()
    for name in sorted(files):
        if not (place / name).is_file() or not filecmp.cmp(new / name, place / name, shallow=False):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).replace(place / name)
    shutil.rmtree(new)


def _tools() -> str:
    return text_hash(json.dumps([sys.version, *map(_version, _TOOLS)]))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _swap(new: Path, place: Path) -> None:
    """Put a folder in the place of another; the old one goes last."""
    old = place.with_name(place.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.replace(old)
    new.replace(place)
    shutil.rmtree(old, ignore_errors=True)


def _several(title: str, lines: list[str]) -> str:
    shown = [f"  {line}" for line in lines[:30]] + ([f"  … and {len(lines) - 30} more"] if len(lines) > 30 else [])
    return "\n".join([title, *shown])
