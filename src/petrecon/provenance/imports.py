"""Which petrecon modules a piece of code imports, followed through the syntax trees; nothing is imported."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from petrecon.provenance.files import Stamp, is_settled, kept_by_stamp

PACKAGE = "petrecon"
_WHOLE = "*"
_Target = tuple[str, str]  # module, and the name taken from it ("*": all of it)
_KEPT: dict[str, tuple[Mapping[Path, Stamp], dict[str, Path]]] = {}


def package_dir() -> Path:
    """Return the folder of the petrecon package."""
    spec = find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def package_stamps() -> dict[Path, Stamp]:
    """Return the stamp (`files.stamp`) of every module's file."""
    found: dict[Path, Stamp] = {}
    todo = [package_dir()]
    while todo:
        folder = todo.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    now = entry.stat()
                    found[folder / entry.name] = (now.st_ino, now.st_ctime_ns, now.st_mtime_ns, now.st_size)
                elif entry.is_dir() and entry.name != "__pycache__":
                    todo.append(folder / entry.name)
    return found


def module_file(name: str) -> Path | None:
    """Return the file of a petrecon module, or None when there is no such module."""
    base = package_dir().joinpath(*name.split(".")[1:])
    for path in (base.with_name(base.name + ".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def modules_used(source: str) -> dict[str, Path]:
    """Return the petrecon modules that `source` imports, directly or not, with their files, sorted by name.

    A package whose `__init__` only re-exports is looked through: `from petrecon.metrics import psnr` depends
    on the module that defines `psnr`, not on its neighbours. Imports under `if TYPE_CHECKING` are not
    followed; a module named as text in `import_module` is.
    """
    now = package_stamps()
    kept = _KEPT.get(source)
    if kept is not None and kept[0] == now:
        return dict(kept[1])
    home = package_dir()
    found = _follow(source, {_dotted(path, home): path for path in now})
    if all(map(is_settled, now.values())):
        _KEPT[source] = (now, found)
    return dict(found)


def _dotted(path: Path, home: Path) -> str:
    parts = path.relative_to(home).with_suffix("").parts
    return ".".join([PACKAGE, *(parts[:-1] if parts[-1] == "__init__" else parts)])


def _follow(source: str, files: Mapping[str, Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    seen: set[_Target] = set()
    todo = list(_targets(ast.parse(source)))
    while todo:
        target = todo.pop()
        module, name = target
        path = files.get(module)
        if path is None or target in seen:
            continue
        seen.add(target)
        exports = _exports(path)
        if exports is not None:
            told = {own: (_absolute(where, module), taken) for own, (where, taken) in exports.items()}
            if name in told:
                todo.append(told[name])
                continue
            if name == _WHOLE:
                todo += told.values()
                continue
        if name != _WHOLE and f"{module}.{name}" in files:
            todo.append((f"{module}.{name}", _WHOLE))
            continue
        if module not in found:
            found[module] = path
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            todo += [(_absolute(where, package), taken) for where, taken in _targets_of(path)]
            todo += [(parent, _WHOLE) for parent in _parents(module, files)]
    return {module: found[module] for module in sorted(found)}


@kept_by_stamp
def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a file, kept until the file changes."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=path.name)


@kept_by_stamp
def _targets_of(path: Path) -> list[_Target]:
    return list(_targets(parse(path)))


def _absolute(module: str, package: str) -> str:
    """Return a module's whole name; one that starts with dots is taken from `package`."""
    name = module.lstrip(".")
    dots = len(module) - len(name)
    if not dots:
        return name
    base = package.split(".")
    return ".".join([*base[: len(base) - (dots - 1)], *([name] if name else [])])


def _parents(module: str, files: Mapping[str, Path]) -> Iterator[str]:
    """Yield the packages above a module whose `__init__` does work of its own."""
    while "." in module:
        module = module.rpartition(".")[0]
        path = files.get(module)
        if path is not None and _exports(path) is None:
            yield module


@kept_by_stamp
def _exports(path: Path) -> dict[str, _Target] | None:
    """Return what a package's `__init__` re-exports and from where; None when it does more than re-export."""
    if path.name != "__init__.py":
        return None
    exports: dict[str, _Target] = {}
    own: set[str] = set()
    for node in parse(path).body:
        if isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            exports.update({alias.asname or alias.name: (origin, alias.name) for alias in node.names})
        elif isinstance(node, ast.Assign) and _is_literal(node.value):
            own |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            return None
    return {name: target for name, target in exports.items() if name not in own}


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def _targets(tree: ast.AST) -> Iterator[_Target]:
    """Yield what a tree imports from petrecon, wherever in the file, except for type checking."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            yield from _targets(ast.Module(node.orelse, []))
        elif isinstance(node, ast.Import):
            yield from ((alias.name, _WHOLE) for alias in node.names if _ours(alias.name))
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            if node.level or _ours(origin):
                yield from ((origin, alias.name) for alias in node.names)
        else:
            if isinstance(node, ast.Call):
                yield from _imported_by_name(node)
            yield from _targets(node)


def _is_type_checking(test: ast.expr) -> bool:
    return "TYPE_CHECKING" in (getattr(test, "id", ""), getattr(test, "attr", ""))


def _imported_by_name(call: ast.Call) -> Iterator[_Target]:
    """Yield the module of `import_module("petrecon.…")` and `__import__("petrecon.…")`."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if function in ("import_module", "__import__") and call.args and isinstance(call.args[0], ast.Constant):
        name = call.args[0].value
        if isinstance(name, str) and _ours(name):
            yield name, _WHOLE


def _ours(module: str) -> bool:
    return module == PACKAGE or module.startswith(PACKAGE + ".")
