"""Recorded numbers that say which of two methods is better: each is a claim, or excused by name with a reason."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import Field

from petrecon.cards import Card, OneLine, Text, load_cards
from petrecon.compendium.book.claims import claims
from petrecon.compendium.book.studies_called import studies_called
from petrecon.paths import book_dir, data_dir, root

_WORDS = re.compile(
    r"(^|[^a-z])(gain|gains|gained|over|minus|differ|difference|ratio|loss|lost|better|less|worse|adds|advantage|"
    r"speedup|regret|excess|improvement|beats|helps|faster|fewer|change)($|[^a-z])"
)
_KEY = re.compile(r"[a-z0-9_*]+(/.*)?$")


class Excuse(Card):
    """Recorded comparisons that are no claims: a pattern of `notebook/key`, in which `*` stands for anything."""

    id: Text = Field(description="notebook/key; * stands for anything")
    reason: OneLine


def is_comparison(key: str, compares: Any = None) -> bool:
    """Return whether a key compares two methods: `record` was told so, or its name says so (`gain`, `over`, …)."""
    return bool(compares) or bool(_WORDS.search(key.lower()))


def excuses() -> list[Excuse]:
    """Return the entries of `data/excused.yml`; none when there is no such file.

    Raises
    ------
    CardError
        If an entry is not an id with a reason; the message names it.
    """
    return load_cards(Excuse, data_dir() / "excused.yml", "data/excused.yml")


def recorded_in_source(path: Path) -> set[str]:
    """Return the keys of comparisons that a notebook's source records, with `*` for what only a run can tell.

    Functions of `petrecon.studies` that the notebook calls, and what these call there, are read as well. A key that
    begins with a variable is looked for where it is assigned; a loop's or a function's variable among keys of
    dictionaries (there and in the notebook) and first arguments of those functions.
    """
    notebook = ast.parse(path.read_text(encoding="utf-8"))
    trees = [notebook, *studies_called(notebook)]
    found = set()
    for tree in trees:
        texts = {text for text in _texts(tree, notebook, trees) if _KEY.match(text)}
        for call in _calls(tree, {"record"}):
            marked = any(word.arg == "compares" or _spreads(word, tree) for word in call.keywords)
            pattern = _pattern(call.args[0])
            if not pattern.startswith("*"):
                found |= {pattern} if is_comparison(pattern, marked) else set()
                continue
            assigned = set(_assigned(tree, call.args[0]))
            candidates = assigned or texts
            found |= {text + pattern[1:] for text in candidates if is_comparison(text, marked and assigned)}
    return found


def recorded_in_runs(profile: str) -> set[tuple[str, str]]:
    """Return (notebook, key) of every comparison that the runs of a profile recorded."""
    found = set()
    for path in sorted((book_dir() / "runs" / profile).glob("*.numbers.json")):
        notebook = path.name.removesuffix(".numbers.json").split("__")[0]
        numbers = json.loads(path.read_text(encoding="utf-8"))
        found |= {(notebook, key) for key, number in numbers.items() if is_comparison(key, number.get("compares"))}
    return found


def unjudged(profile: str = "laptop") -> list[str]:
    """Return every recorded comparison, as `notebook/key`, that is neither a claim nor excused."""
    found = recorded_in_runs(profile)
    found |= {(path.stem, key) for path in (root() / "notebooks").glob("[0-9]*.py") for key in recorded_in_source(path)}
    claimed = [(c.computed_by.notebook, c.computed_by.key) for c in claims() if c.computed_by]
    excused = [excuse.id for excuse in excuses()]

    def judged(notebook: str, key: str) -> bool:
        if any(one == notebook and fnmatchcase(other, key) for one, other in claimed):
            return True
        return any(fnmatchcase(f"{notebook}/{key}", pattern) for pattern in excused)

    return sorted(f"{notebook}/{key}" for notebook, key in found if not judged(notebook, key))


def _pattern(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_pattern(part) for part in node.values)
    return "*"


def _assigned(tree: ast.AST, key: ast.expr) -> Iterator[str]:
    """Give the texts that a notebook assigns to a key's name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(key, ast.Name) and _name(node.targets[0]) == key.id:
            values = [node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value]
            yield from (text for text in map(_pattern, values) if text != "*")
        if isinstance(node, ast.For) and isinstance(key, ast.JoinedStr | ast.Name):
            yield from _looped(node, _leading(key))


def _leading(key: ast.expr) -> str:
    """Return the variable that a key is, or begins with."""
    first = key.values[0] if isinstance(key, ast.JoinedStr) and key.values else key
    return _name(first.value if isinstance(first, ast.FormattedValue) else first)


def _looped(loop: ast.For, name: str) -> Iterator[str]:
    """Give the texts that a loop over a dictionary's items gives its last variable: `for _, key in {…}.items()`."""
    over, target = loop.iter, loop.target
    if not (isinstance(over, ast.Call) and isinstance(over.func, ast.Attribute) and over.func.attr == "items"):
        return
    if isinstance(over.func.value, ast.Dict) and isinstance(target, ast.Tuple) and _name(target.elts[-1]) == name:
        yield from (text for text in map(_pattern, over.func.value.values) if text != "*")


def _spreads(word: ast.keyword, tree: ast.AST) -> bool:
    """Tell whether `**word` is a dictionary, assigned in the tree, that says what is compared."""
    name = _name(word.value) if word.arg is None else ""
    assigned = (
        node.value for node in ast.walk(tree) if isinstance(node, ast.Assign) and _name(node.targets[0]) == name
    )
    keys = (key for value in assigned if isinstance(value, ast.Dict) for key in value.keys)
    return bool(name) and any(isinstance(key, ast.Constant) and key.value == "compares" for key in keys)


def _name(target: ast.expr) -> str:
    return target.id if isinstance(target, ast.Name) else ""


def _texts(tree: ast.AST, notebook: ast.AST, trees: list[ast.AST]) -> Iterator[str]:
    """Give the keys of dictionaries there and in the notebook, and what the functions defined there are called with."""
    for node in (*ast.walk(tree), *ast.walk(notebook)):
        if isinstance(node, ast.Dict):
            yield from (_pattern(key) for key in node.keys if key is not None)
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    yield from (_pattern(call.args[0]) for each in trees for call in _calls(each, own))


def _calls(tree: ast.AST, names: set[str]) -> Iterator[ast.Call]:
    """Give the calls, with arguments, of functions of these names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in names:
                yield node
