"""Pages written from data: the ledger, the scanners, the data and their licences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from petrecon.compendium.book.artefacts import STATES, artefacts
from petrecon.compendium.book.claims import EXACT
from petrecon.compendium.book.comparisons import excuses
from petrecon.compendium.book.ledger import counts, ledger
from petrecon.compendium.book.markdown import escape, list_table
from petrecon.metrics.intervals import FEWEST, count_units
from petrecon.paths import data_dir
from petrecon.yaml_files import read_yaml

_BADGES = {"holds": "bdg-success", "fails": "bdg-danger", "undecided": "bdg-dark"}
_PAPERS = {"foundations": "Foundations", "petite": "PETITE", "ddip": "DDIP", "deq": "DEQ"}


def ledger_page(profile: str, pages: Mapping[str, str] | None = None) -> str:
    """Return the page of claims (paper, published run, your run, verdict) and of artefacts.

    Parameters
    ----------
    profile : str
        The profile of the book.
    pages : mapping of run to page, optional
        Where the book shows a run (`{"NN_name": "chapters/NN_name"}`); numbers link there.
    """
    content = ledger(profile)
    found = counts(content)
    lines = [
        "## Claims",
        "",
        f"Of {len(content['claims'])} claims, in the {profile} profile: "
        + ", ".join(f"{number} {word}" for word, number in found.items() if number)
        + f". Every interval says what it is: a bootstrap or a jackknife (made to hold the truth in 95 % of cases), or "
        "the range of all that were tried; and what it is over, the outermost first. A claim holds when the whole "
        "interval satisfies its rule and fails when all of it violates it. It is undecided otherwise, and whenever "
        f"the interval is not over what the claim speaks of, or over fewer than {FEWEST} of them. A verdict is "
        "*indicative* when the run is smaller than the claim asks for.",
        "",
    ]
    for paper in dict.fromkeys(row["paper"] for row in content["claims"]):
        rows = [_claim_row(row, pages or {}) for row in content["claims"] if row["paper"] == paper]
        title = f"Claims of {_PAPERS.get(paper, paper)}"
        header = ["Claim", "Paper says", f"Published run ({content['published']})", f"Your run ({profile})"]
        lines += [f"### {_PAPERS.get(paper, paper)}", ""]
        lines += [
            list_table(header, rows, caption=title, name=f"tab-claims-{paper}", widths="45 17 19 19"),
            "",
        ]
    return "\n".join([*lines, *_excused_lines(), *_artefact_lines()])


def _claim_row(row: dict[str, Any], pages: Mapping[str, str]) -> list[str]:
    statement = f"{escape(row['statement'])} *{_about(row['units'])}.*"
    statement += f" *{escape(row['note'])}*" if row["note"] else ""
    return [
        statement,
        escape(row["paper_value"]) or "–",
        _value(row["published"], {}),
        _value(row["yours"], pages),
    ]


def _value(entry: dict[str, Any], pages: Mapping[str, str]) -> str:
    word = entry["verdict"]
    if "value" not in entry:
        return f"{word}: {escape(entry['broken'])}" if "broken" in entry else word
    unit, page = entry.get("unit", ""), pages.get(entry["run"])
    value = entry["value"]
    number = f"{value:.3g}" if isinstance(value, (int, float)) else str(value)
    # what stands in a role is no Markdown: an escape would be printed
    number = f"{{doc}}`{number} {unit}".rstrip() + f" <{page}>`" if page else f"{number} {escape(unit)}".rstrip()
    notes = [
        note for note, told in (("indicative", entry.get("indicative")), ("stale", entry["state"] != "fresh")) if told
    ]
    because = f": {escape(entry['reason'])}" if entry.get("reason") else ""
    text = f"{{{_BADGES[word]}}}`{word}` {number}{_between(entry)}{because}"
    return text + (f", *{', '.join(notes)}*" if notes else "")


def _between(entry: dict[str, Any]) -> str:
    """Return the interval in words: ``, 0.2 to 0.9 (bootstrap over 5 scanner pairs)``."""
    kind, over, span = entry.get("kind", ""), escape(count_units(entry.get("units") or {})), entry.get("interval")
    if kind == EXACT:
        return " (exact)"
    if not span:
        return f" ({over})" if over else ""
    ends = f", {span[0]:.3g} to {span[1]:.3g}"
    return f"{ends} ({escape(kind)} {'of' if kind == 'range' else 'over'} {over})" if kind and over else ends


def _about(units: str) -> str:
    return "Exact" if units == EXACT else f"About {escape(units)}"


def _excused_lines() -> list[str]:
    rows = [[escape(excuse.id), escape(excuse.reason)] for excuse in excuses()]
    if not rows:
        return []
    caption = "Recorded comparisons that are no claims, by notebook and key (\\* stands for anything), and why."
    return [
        "## Compared, and no claim",
        "",
        list_table(["What was recorded", "Why it is no claim"], rows, caption=caption, name="tab-excused"),
        "",
    ]


def _artefact_lines() -> list[str]:
    found = artefacts()
    if not found:
        return []
    states = [a.state for a in found]
    lines = ["## Tables, figures and algorithms", ""]
    lines += [
        f"{len(found)} in all: " + ", ".join(f"{states.count(s)} {s}" for s in STATES if s in states) + ".",
        "",
    ]
    for paper in dict.fromkeys(a.paper for a in found):
        rows = [
            [escape(a.id), escape(a.shows), escape(a.notebook) or "–", a.state, escape(a.note) or "–"]
            for a in found
            if a.paper == paper
        ]
        caption = f"Artefacts of {_PAPERS.get(paper, paper)}"
        header = ["Artefact", "Shows", "Notebook", "State", "What stands in for what"]
        lines += [f"### Artefacts of {_PAPERS.get(paper, paper)}", ""]
        lines += [list_table(header, rows, caption=caption, name=f"tab-artefacts-{paper}"), ""]
    return lines


def data_page() -> str:
    """Return the page of data files and their licences, from `data/registry.yml`: one row per source and licence."""
    path = data_dir() / "registry.yml"
    cards = read_yaml(path, "data/registry.yml") if path.is_file() else []
    groups: dict[tuple[str, ...], list[str]] = {}
    for card in cards or []:
        wheel = " ".join(str(card[k]) for k in ("wheel", "version") if k in card) or "–"
        licence = str(card.get("licence", "not stated"))
        groups.setdefault((wheel, licence, str(card.get("credit", "–"))), []).append(str(card.get("id", "")))
    if not groups:
        return "No data files are registered."
    rows = [
        [f"{escape(', '.join(files))} ({escape(wheel)})", escape(licence), escape(credit)]
        for (wheel, licence, credit), files in groups.items()
    ]
    header = ["Files (package)", "Licence", "Credit"]
    return list_table(header, rows, caption="Data files, their licences and credits.", name="tab-data")


def scanners_page() -> str:
    """Return the page of scanner cards: every field with its value and its source, and the sizes per coarsening."""
    parts = []
    for path in sorted((data_dir() / "scanners").glob("*.y*ml")):
        card = read_yaml(path) or {}
        sources = card.pop("sources", {}) or {}
        profiles = card.pop("profiles", {}) or {}
        title = escape(str(card.get("title") or path.stem))
        rows = [[escape(n), escape(v), escape(str(sources.get(n, ""))) or "–"] for n, v in _flat(card)]
        caption = f"Card of the {title}."
        parts += [
            f"## {title}",
            list_table(["Field", "Value", "Source"], rows, caption=caption, name=f"tab-{path.stem}"),
        ]
        sizes = {f"{p} {d}": part for p, dims in profiles.items() for d, part in dims.items()}
        if sizes:
            fields = list(dict.fromkeys(field for part in sizes.values() for field in part))
            cells = [[name, *(escape(_text(part.get(field, "–"))) for field in fields)] for name, part in sizes.items()]
            caption = f"Sizes of the {title} per coarsening. Source: {escape(str(sources.get('profiles', '–')))}."
            header = ["coarsening", *(escape(field) for field in fields)]
            parts.append(list_table(header, cells, caption=caption, name=f"tab-{path.stem}-profiles"))
    return "\n\n".join(parts) or "There are no scanner cards."


def _text(value: Any) -> str:
    return " × ".join(map(str, value)) if isinstance(value, list) else str(value)


def _flat(card: Any, above: str = "") -> list[tuple[str, str]]:
    """Return (field, value) pairs of nested fields, `reference.duration_s` for example."""
    if isinstance(card, dict):
        return [
            pair for name, value in card.items() for pair in _flat(value, f"{above}.{name}" if above else str(name))
        ]
    if isinstance(card, list):
        return [(above, _text(card))]
    return [(above, str(card))]
