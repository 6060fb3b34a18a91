"""Which petrecon modules a piece of code imports, followed through the syntax trees; nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "petrecon"
_WHOLE = "*"
_Target = tuple[str, str]  # module, and the name taken from it ("*": all of it)


def package_dir() -> Path:
    """Return the folder of the petrecon package."""
    spec = find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


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
    followed.
    """
    found: dict[str, Path] = {}
    seen: set[_Target] = set()
    todo = list(_targets(ast.parse(source), ""))
    while todo:
        target = todo.pop()
        module, name = target
        path = module_file(module)
        if path is None or target in seen:
            continue
        seen.add(target)
        exports = _exports(module, path)
        if exports is not None:
            if name in exports:
                todo.append(exports[name])
                continue
            if name == _WHOLE:
                todo += exports.values()
                continue
        if name != _WHOLE and module_file(f"{module}.{name}"):
            todo.append((f"{module}.{name}", _WHOLE))
            continue
        if module not in found:
            found[module] = path
            todo += _targets(parse(path), _package(module, path))
            todo += [(parent, _WHOLE) for parent in _parents(module)]
    return {module: found[module] for module in sorted(found)}


def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a file, kept until the file changes."""
    stat = path.stat()
    return _parse(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1024)
def _parse(path: Path, _time: int, _size: int) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=path.name)


def _package(module: str, path: Path) -> str:
    return module if path.name == "__init__.py" else module.rpartition(".")[0]


def _parents(module: str) -> Iterator[str]:
    """Yield the packages above a module whose `__init__` does work of its own."""
    while "." in module:
        module = module.rpartition(".")[0]
        path = module_file(module)
        if path is not None and _exports(module, path) is None:
            yield module


def _exports(module: str, path: Path) -> dict[str, _Target] | None:
    """Return what a package's `__init__` re-exports and from where; None when it does more than re-export."""
    if path.name != "__init__.py":
        return None
    exports: dict[str, _Target] = {}
    for node in parse(path).body:
        if isinstance(node, ast.ImportFrom):
            origin = _origin(node, module)
            exports.update({alias.asname or alias.name: (origin, alias.name) for alias in node.names})
        elif isinstance(node, ast.Assign) and _is_literal(node.value):
            exports.update({target.id: (module, "") for target in node.targets if isinstance(target, ast.Name)})
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            return None
    return {name: target for name, target in exports.items() if target != (module, "")}


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def _origin(node: ast.ImportFrom, package: str) -> str:
    """Return the absolute name of the module an import takes from."""
    if not node.level:
        return node.module or ""
    base = package.split(".")[: len(package.split(".")) - (node.level - 1)]
    return ".".join([*base, *([node.module] if node.module else [])])


def _targets(tree: ast.AST, package: str) -> Iterator[_Target]:
    """Yield what a tree imports from petrecon, wherever in the file, except for type checking."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, _WHOLE) for alias in node.names if _ours(alias.name))
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, package)
            if _ours(origin):
                yield from ((origin, alias.name) for alias in node.names)
        else:
            yield from _targets(node, package)


def _ours(module: str) -> bool:
    return module == PACKAGE or module.startswith(PACKAGE + ".")
