"""MyST as plain Markdown, for readers outside the book: roles become words and links, directives quotes and folds."""

from __future__ import annotations

import re
from pathlib import Path

from petrecon.compendium.notebook.citations import cited
from petrecon.compendium.runs.notebook_source import NotebookSource
from petrecon.paths import book_dir, notebooks_dir

_FENCE = re.compile(r"^\s*(`{3,}|:{3,})(.*)$")
_DIRECTIVE = re.compile(r"^\{([\w:-]+)\}\s*(.*)$")
_OPTION = re.compile(r"^:[\w-]+:( .*)?$")
_ROLE = re.compile(r"\{([a-z][\w:-]*)\}`([^`]+)`")
_TARGET = re.compile(r"^\([\w:-]+\)=\s*\n?", re.MULTILINE)
_LABELLED = re.compile(r"^(.*\$\$)[ \t]*\([\w:-]+\)[ \t]*$", re.MULTILINE)
_THINGS = {"fig": "figure", "tab": "table", "eq": "equation", "ex": "exercise", "alg": "algorithm"}
_SOLUTION = "### Solution\n\n*Try it first. The cell below solves it (folded in JupyterLab: click to open it).*"


def plain(text: str) -> str:
    """Return MyST text as Markdown that any notebook reader shows; text without MyST comes back as it is.

    Parameters
    ----------
    text : str
        A Markdown cell or a sentence.

    Returns
    -------
    str
        `{doc}` becomes a link to that notebook by its title, `{cite:p}` "(authors year)" with the work's DOI,
        `{numref}` and the like words; an exercise becomes a heading, a solution folds, admonitions and
        algorithms become quotes, math and code stay.
    """
    lines, out, words = text.splitlines(), [], []
    while lines:
        opening = _FENCE.match(line := lines.pop(0))
        if opening is None:
            words.append(line)
            continue
        out += [_words("\n".join(words))] if words else []
        words, body = [], []
        while lines and not _closes(lines[0], opening[1]):
            body.append(lines.pop(0))
        last = lines.pop(0) if lines else opening[1]
        directive = _DIRECTIVE.match(opening[2].strip())
        out.append(_block(directive[1], directive[2], body) if directive else "\n".join([line, *body, last]))
        if directive and directive[1] == "solution-start" and any(map(str.strip, lines)):
            out.append(_folded("In words", plain("\n".join(lines))))
            lines = []
    out += [_words("\n".join(words))] if words else []
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip("\n") if out else text


def generic(text: str) -> str:
    """Return text with `@DOSE@` as the name of the parameter, `` `dose` ``: true whatever its value is."""
    return re.sub("@([A-Z_]+)@", lambda found: f"`{found[1].lower()}`", text)


def _closes(line: str, fence: str) -> bool:
    return bool(re.fullmatch(re.escape(fence[0]) + "{" + str(len(fence)) + ",}", line.strip()))


def _block(name: str, title: str, body: list[str]) -> str:
    """Return a directive as Markdown; one that is not known becomes a quote under its name."""
    while body and _OPTION.match(body[0].strip()):
        body = body[1:]
    text = "\n".join(body).strip("\n")
    kind = name.rsplit(":", 1)[-1]
    if kind == "solution-end":
        return ""
    if kind == "solution-start":
        return _SOLUTION
    if kind == "math":
        return f"$$\n{text}\n$$"
    if kind in ("code", "code-block", "code-cell"):
        return f"```{title}\n{text}\n```"
    text = plain(text)
    if kind == "exercise":
        return f"### Exercise: {title}\n\n{text}" if title else f"### Exercise\n\n{text}"
    if kind in ("solution", "dropdown"):
        return _folded(title if kind == "dropdown" else "Solution", text)
    heading = [word for word in ("" if kind == "admonition" else kind.capitalize(), title) if word]
    quoted = "\n".join(f"> {line}".rstrip() for line in [f"**{': '.join(heading)}**", "", *text.splitlines()])
    return f"\n{quoted}\n"


def _folded(title: str, text: str) -> str:
    return f"\n<details>\n<summary>{title}</summary>\n\n{text.strip()}\n\n</details>\n"


def _words(text: str) -> str:
    """Return lines without roles, targets and equation labels."""
    text = _LABELLED.sub(r"\1", _TARGET.sub("", text))
    return _ROLE.sub(lambda found: _role(found[1], found[2]), text)


def _role(name: str, content: str) -> str:
    named = re.fullmatch(r"(.*?)\s*<(.+)>", content, re.DOTALL)
    words, target = (named[1], named[2]) if named else ("", content)
    if name == "doc":
        return _page(Path(target).name, words)
    if name.startswith("cite"):
        return cited(content.split(","), inside=name != "cite:t")
    if name in ("ref", "numref", "eq") or name.endswith(":ref"):
        thing = "equation" if name == "eq" else _THINGS.get(target.split("-")[0])
        return words if words and "%" not in words else f"the {thing}" if thing else target.replace("-", " ")
    return {"math": f"${content}$", "sub": f"<sub>{content}</sub>", "sup": f"<sup>{content}</sup>"}.get(
        name, words or content
    )


def _page(name: str, words: str) -> str:
    """Return a link to the notebook of this name, or the title of a page that only the book has."""
    source = NotebookSource(notebooks_dir() / f"{name}.py")
    if source.path.is_file():
        return f"[{words or generic(source.title)}]({name}.ipynb)"
    page = book_dir() / f"{name}.md"
    found = re.search(r"^# +(.+)$", page.read_text(encoding="utf-8"), re.MULTILINE) if page.is_file() else None
    return f"{words or (found[1] if found else name)} (a page of the book)"
