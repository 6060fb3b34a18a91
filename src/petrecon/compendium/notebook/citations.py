"""Citations outside the book: authors, year and DOI from `book/references.bib`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from petrecon.errors import InputError, MissingError, did_you_mean
from petrecon.paths import book_dir


def cited(keys: Iterable[str], inside: bool = True) -> str:
    """Return works as `(Kim et al. 2024; Lange and Carson 1984)`, or `Kim et al. (2024)` when not inside brackets.

    Works that have a DOI link to it. Where the bibliography cannot be read (pybtex comes with the extra
    `book`), the keys stand for the works.

    Raises
    ------
    InputError
        If a key is not in the bibliography.
    """
    forms = "{} {}" if inside else "{} ({})"
    works = [_linked(key.strip(), forms) for key in keys]
    return f"({'; '.join(works)})" if inside else " and ".join(works)


def reference(key: str) -> str:
    """Return a work in full, on one line.

    Raises
    ------
    InputError, MissingError
        If the key is not in the bibliography, or the bibliography cannot be read.
    """
    if (work := _work(key)) is None:
        raise MissingError(f"book/references.bib, which has {key!r}, cannot be read: pip install -e '.[book]' (pybtex)")
    names = [_text(" ".join([*p.first_names, *p.middle_names, *p.prelast_names, *p.last_names])) for p in _people(work)]
    authors = ", ".join(names).replace(", others", " et al.")
    venue = next((work.fields[f] for f in ("journal", "booktitle", "publisher") if f in work.fields), "")
    volume = work.fields.get("volume", "") if "journal" in work.fields else ""
    parts = [f"{authors}: *{_text(work.fields['title'])}*", _text(" ".join(filter(None, (venue, volume))))]
    told = ", ".join(filter(None, [*parts, work.fields.get("year", "")]))
    doi = work.fields.get("doi")
    return f"{told}. [doi:{doi}](https://doi.org/{doi})" if doi else f"{told}."


def _linked(key: str, form: str) -> str:
    if (work := _work(key)) is None:
        return key
    last = [_text(" ".join([*p.prelast_names, *p.last_names])) for p in _people(work)]
    several = len(last) > 2 or last[-1] == "others"
    who = f"{last[0]} et al." if several else " and ".join(last)
    words = form.format(who, work.fields.get("year", "n.d."))
    doi = work.fields.get("doi")
    return f"[{words}](https://doi.org/{doi})" if doi else words


def _people(work: Any) -> Any:
    return work.persons.get("author") or work.persons["editor"]


def _text(latex: str) -> str:
    from pybtex.richtext import Text

    return str(Text.from_latex(latex)).replace("--", "–")


def _work(key: str) -> Any:
    """Return an entry of the bibliography; None when it cannot be read here."""
    path = book_dir() / "references.bib"
    known = _entries(path, path.stat().st_mtime_ns if path.is_file() else 0)
    if known and key not in known:
        raise InputError(f"{path.name} has no {key!r}.{did_you_mean(key, known)}")
    return known.get(key)


@cache
def _entries(path: Path, stamp: int) -> dict[str, Any]:
    try:
        from pybtex.database import parse_file
    except ModuleNotFoundError:
        return {}
    return dict(parse_file(str(path)).entries) if stamp else {}
