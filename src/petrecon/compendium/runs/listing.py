"""What `petrecon list` prints: notebooks with their parameters and prices, or the whole run matrix."""

from __future__ import annotations

import re
from typing import Any

from petrecon.compendium.runs.notebook_source import NotebookSource, find, sources
from petrecon.compendium.runs.parameters import ASSUMED, DEFAULT_PROFILE, TABLE, declared
from petrecon.compendium.runs.plan import matrix
from petrecon.compendium.runs.receipts import OUTPUTS, read_receipt, status
from petrecon.compendium.runs.run import runs_dir
from petrecon.compendium.runs.vocabulary import vocabulary
from petrecon.paths import data_dir, root
from petrecon.profiles import PROFILES


def as_records(profile: str) -> list[dict[str, Any]]:
    """Return every run of the matrix: what it is, what it needs, its command, its files, its state."""
    return [
        {
            "run": row.run.stem,
            "notebook": row.run.notebook,
            "profile": profile,
            "parameters": dict(row.run.parameters),
            "needs": list(row.needs),
            "page": row.page,
            "command": row.run.command,
            "outputs": {kind: str(row.run.path(kind).relative_to(root())) for kind in (*OUTPUTS, "receipt")},
            "state": str(status(row.run)),
        }
        for row in matrix(profile)
    ]


def as_text(profile: str) -> str:
    """Return the notebooks: name, title, parameters with defaults, seconds per profile, and state."""
    planned = [row.run for row in matrix(profile)] if (data_dir() / "runs.yml").is_file() else []
    lines = []
    for source in sources():
        lines.append(f"{source.name}  {_title(source)}")
        defaults = "  ".join(f"--{name} {value}" for name, value in declared(source).items() if name != "profile")
        times = ", ".join(filter(None, (_measured(source.name, p) for p in PROFILES)))
        found = [(run, status(run)) for run in planned if run.notebook == source.name]
        states = [state.state for _, state in found]
        count = ", ".join(f"{states.count(s)} {s}" for s in ("fresh", "stale", "missing", "corrupted") if s in states)
        for text in (defaults, times or source.time, f"{profile}: {count}" if count else ""):
            if text:
                lines.append(f"    {text}")
        lines += [f"    {state}: run `{run.command} --force`" for run, state in found if state.state == "corrupted"]
    return "\n".join(lines) if lines else "there are no notebooks yet"


def parameters_text(notebook: str) -> str:
    """Return a notebook's parameters: default, meaning, range or choices, and what each costs."""
    source, known = find(notebook), vocabulary()
    lines = [f"{source.name}  {_title(source)}"]
    taken = {"profile": DEFAULT_PROFILE, **declared(source)}
    if "anatomy" in taken:
        taken = {**taken, TABLE: taken.get(TABLE, ASSUMED)}
    for name, default in taken.items():
        card = known[name]
        lines.append(f"  --{name.replace('_', '-')} {default}   {card.help}")
        limits = [f"in {card.range.text}"] if card.range else []
        limits += [f"one of {', '.join(card.words())}"] if card.choices else []
        limits += [f"or a {' or '.join(card.files)} file"] if card.files else []
        limits += [f"cost: {card.cost}"] if card.cost and card.cost != "none" else []
        lines += [f"      {text}" for text in limits]
    return "\n".join(lines)


def _title(source: NotebookSource) -> str:
    """Return the title with `@SCANNER@` and the like as plain words."""
    return re.sub("@([A-Z_]+)@", lambda found: found[1].lower(), source.title)


def _measured(notebook: str, profile: str) -> str:
    receipts = [read_receipt(p) for p in runs_dir(profile).glob(f"{notebook}*.receipt.json")]
    seconds = [r["duration_s"] for r in receipts if r and r["notebook"] == notebook]
    return f"{profile} {max(seconds):.0f} s" if seconds else ""
