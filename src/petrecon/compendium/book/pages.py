"""Executed notebooks as pages of the book: numbered figures and tables, the card of the run, its receipt."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from typing import Any

from petrecon.compendium.book.markdown import dropdown, escape, list_table
from petrecon.compendium.runs.reading import read_notebook
from petrecon.compendium.runs.receipts import Status
from petrecon.compendium.runs.run import Run, shown
from petrecon.paths import root

_REASONS = 5
_HIDDEN = {"hide-cell", "hide-output"}
_REMOVED = {"remove-cell", "remove-output"}


def page(run: Run, receipt: dict[str, Any], state: Status) -> Any:
    """Return a run's notebook as a page.

    Parameters
    ----------
    run : Run
        A run whose notebook exists.
    receipt : dict
        Its receipt.
    state : Status
        What `verify` says of it: anything but fresh is shown to the reader.

    Returns
    -------
    nbformat.NotebookNode
        Figures carry caption, label and alternative text for the book to number them; tables are Markdown.
    """
    notebook = read_notebook(run.path("notebook"), run.command)
    cells = [part for cell in _one_parameters_cell(notebook.cells) for part in _split(cell)]
    notebook.cells = [
        *_headed(cells, [_card(run, receipt), stale(state, run)]),
        _markdown(_receipt(receipt, state)),
    ]
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index:03d}"
    return notebook


def _from_cache(receipt: dict[str, Any]) -> str:
    """Tell which heads and exams were not made in the time that the run took."""
    read, made = (receipt.get("cache", {}).get(name, 0) for name in ("read", "made"))
    return f"; {read} of {read + made} heads and exams came from the cache" if read else ""


def broken(run: Run, why: str) -> str:
    """Return the Markdown page of a run whose files cannot be read, and the command that makes it again."""
    told = escape(why.replace(f"{root()}{os.sep}", "").partition(": run `")[0])
    return (
        f"# {run.fill(run.source.title)}\n\n:::{{warning}}\nThis page cannot be shown: {told}. Make it again:\n\n"
        f"```bash\n{run.command} --force\n```\n:::\n"
    )


def stub(run: Run) -> str:
    """Return the Markdown page of a run that was not made yet."""
    return (
        f"# {run.fill(run.source.title)}\n\n:::{{admonition}} Not run yet\n:class: note\n"
        f"This page is made by\n\n```bash\n{run.command}\n```\n{_where(run)}\n:::\n"
    )


def figures(notebook: Any) -> Iterator[dict[str, Any]]:
    """Yield the figures of an executed notebook: name, caption, alt, and `png` as base64 text."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            told = output.get("metadata", {}).get("petrecon", {})
            if told.get("kind") == "figure":
                yield {**told, "png": output["data"]["image/png"]}


def _markdown(text: str) -> Any:
    from nbformat.v4 import new_markdown_cell

    return new_markdown_cell(text)


def _one_parameters_cell(cells: list[Any]) -> list[Any]:
    """Put the injected values into the parameters cell, and drop the injected cell."""
    kept, declared = [], None
    for cell in cells:
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags and declared is not None:
            declared.source = _with_values(declared.source, cell.source)
            continue
        if "parameters" in tags:
            declared = cell
        kept.append(cell)
    return kept


def _with_values(declared: str, injected: str) -> str:
    """Return the parameters cell's text with the injected values in place of the defaults; comments stay."""
    values = {
        node.targets[0].id: _without_path(node.value)
        for node in ast.parse(injected).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    lines = declared.splitlines()
    for node in ast.parse(declared).body:
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value):
            continue
        value, line = node.value, node.lineno - 1
        if node.target.id in values and value.end_lineno == node.lineno:
            old = lines[line].encode()
            new = old[: value.col_offset] + values[node.target.id].encode() + old[value.end_col_offset :]
            lines[line] = new.decode()
    return "\n".join(lines)


def _without_path(value: ast.expr) -> str:
    """Return a value as Python text; a user's own file without the folders that the project does not know."""
    is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return repr(shown(ast.literal_eval(value))) if is_text else ast.unparse(value)


def _split(cell: Any) -> Iterator[Any]:
    """Yield a cell, and after it one cell for each figure, table or run of other outputs that follows one."""
    tags = set(cell.metadata.get("tags", []))
    outputs = list(cell.get("outputs", []))
    if cell.cell_type != "code" or tags & _REMOVED or not any(map(_told, outputs)):
        yield cell
        return
    hidden = bool(tags & _HIDDEN)
    first = next(index for index, output in enumerate(outputs) if _told(output))
    cell.outputs = outputs[:first]
    yield cell
    plain: list[Any] = []
    for output in outputs[first:]:
        told = _told(output)
        if told is None:
            plain.append(output)
            continue
        if plain:
            yield _output_cell(plain, hidden)
            plain = []
        yield _figure_cell(output, told, hidden) if told["kind"] == "figure" else _table_cell(told, hidden)
    if plain:
        yield _output_cell(plain, hidden)


def _told(output: Any) -> Any:
    return output.get("metadata", {}).get("petrecon")


def _output_cell(outputs: list[Any], hidden: bool) -> Any:
    from nbformat.v4 import new_code_cell

    tags = ["remove-input", *(["hide-output"] if hidden else [])]
    return new_code_cell("# shown above", outputs=outputs, execution_count=1, metadata={"tags": tags})


def _figure_cell(output: Any, told: dict[str, Any], hidden: bool) -> Any:
    cell = _output_cell([output], hidden)
    output.metadata.pop("petrecon")
    output.data.pop("text/plain", None)
    cell.metadata["mystnb"] = {
        "figure": {"name": told["name"], "caption": told["caption"]},
        "image": {"alt": " ".join(told["alt"].split())},
    }
    return cell


def _table_cell(told: dict[str, Any], hidden: bool) -> Any:
    rows = [[escape(text) for text in row] for row in told["rows"]]
    header = [escape(text) for text in told["header"]]
    text = list_table(header, rows, caption=told["caption"], name=told["name"])
    return _markdown(dropdown("Table", text) if hidden else text)


def _headed(cells: list[Any], blocks: list[str]) -> list[Any]:
    """Put blocks below the page's title."""
    new = [_markdown(block) for block in blocks if block]
    if not cells or cells[0].cell_type != "markdown":
        return [*new, *cells]
    lines = cells[0].source.splitlines()
    title = next((index for index, line in enumerate(lines) if line.startswith("# ")), None)
    if title is None:
        return [cells[0], *new, *cells[1:]]
    head, rest = "\n".join(lines[: title + 1]), "\n".join(lines[title + 1 :]).strip()
    return [_markdown(head), *new, *([_markdown(rest)] if rest else []), *cells[1:]]


def _card(run: Run, receipt: dict[str, Any]) -> str:
    words = [f"**{run.profile}** profile"]
    words += [f"{name} **{escape(_short(value))}**" for name, value in run.parameters.items() if name != "profile"]
    words += [f"{receipt['duration_s']:g} s"]
    words += [f"{receipt['peak_memory_mib']} MiB"] if receipt.get("peak_memory_mib") else []
    words += [escape(str(receipt.get("device", "cpu")))]
    return (
        ":::{admonition} This page's run\n:class: seealso petrecon-run\n"
        f"{' · '.join(words)}. Make it again, or change a parameter:\n\n```bash\n{run.command}\n```\n{_where(run)}\n:::"
    )


def _where(run: Run) -> str:
    short = f"make run NOTEBOOK={run.source.number or run.notebook}"
    return f"<small>(in the project's folder: `source .venv/bin/activate` first, or `{short} …`)</small>"


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).rsplit("/", 1)[-1]


def _without_folder(told: str) -> str:
    """Return what a receipt says of an input without the folder of a user's own file."""
    return re.sub(r"^file /.*/", "file ", told)


def stale(state: Status, run: Run, what: str = "page") -> str:
    """Return the warning that a page or figure is not what its sources now make; empty when it is fresh."""
    if state.state == "fresh":
        return ""
    shown = [escape(_without_folder(reason)) for reason in state.because[:_REASONS]]
    more = len(state.because) - len(shown)
    because = "\n".join(f"* {reason}" for reason in [*shown, *([f"and {more} more"] if more else [])])
    why = f"Some of what this {what} was made from has changed since:"
    why = why if state.state == "stale" else "Its files changed:"
    needs_others = any(reason.endswith((" is stale", " is missing")) for reason in state.because)
    with_others = f"petrecon reproduce --profile {run.profile} --only {run.notebook}"
    cure = f"Run `{with_others if needs_others else run.command}` to renew it."
    return f":::{{warning}}\nThis {what} is {state.state}. {why}\n\n{because}\n\n{cure}\n:::"


def _receipt(receipt: dict[str, Any], state: Status) -> str:
    facts = [
        ["command", f"`{receipt['command']}`"],
        [
            "parameters",
            escape(", ".join(f"{n} = {_short(v)}" for n, v in sorted(receipt["parameters"].items()))),
        ],
        ["made on", f"{receipt['date']}, {escape(str(receipt.get('device', 'cpu')))}"],
        ["versions", escape(", ".join(f"{n} {v}" for n, v in sorted(receipt["versions"].items())))],
        [
            "projectors",
            escape(", ".join(" ".join(p.values()) for p in receipt["projectors"]) or "none recorded"),
        ],
        ["threads", escape(", ".join(f"{n} {v}" for n, v in receipt.get("threads", {}).items()) or "not recorded")],
        ["cost", f"{receipt['duration_s']:g} s, {receipt['peak_memory_mib']} MiB at most{_from_cache(receipt)}"],
        *([["here", escape("; ".join(state.notes))]] if state.notes else []),
    ]
    hashes = [
        [escape(_without_folder(name)), f"`{digest[:16]}`"]
        for part in ("inputs", "outputs")
        for name, digest in sorted(receipt[part].items())
    ]
    body = list_table(["", ""], facts) + "\n\n" + list_table(["input or output", "sha256"], hashes)
    return dropdown("Receipt of this page", body)
