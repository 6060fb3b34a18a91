"""Kernels forked from one process that has imported the large packages already, where that is safe."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from glob import glob
from pathlib import Path

from petrecon.compendium.runs import warm_client, warm_server
from petrecon.errors import ParameterError
from petrecon.provenance.files import kept_by_stamp
from petrecon.provenance.imports import modules_used, parse

SERVER = "PETRECON_WARM"
_LARGE = ("monai", "peft", "torchdeq")
_END_SECONDS = 5.0


def is_safe() -> bool:
    """Tell whether kernels may be forked here: on Linux, without a GPU, and unless `PETRECON_WARM` is 0.

    A process that has started CUDA cannot be forked, and other systems' libraries cannot either.
    """
    word = os.environ.get(SERVER, "1")
    if word not in ("0", "1"):
        raise ParameterError(f"PETRECON_WARM is 1 or 0 (every run starts an interpreter of its own); it is {word!r}")
    return word == "1" and sys.platform == "linux" and not glob("/dev/nvidia[0-9]*") and not Path("/dev/kfd").exists()


@contextmanager
def warm_server_for(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Keep a server while the block runs; give what runs must find in their environment to use it.

    Parameters
    ----------
    environment : mapping of str to str
        That of the kernels (`execute.kernel_environment`), so that what is read at import is theirs.

    Yields
    ------
    dict
        Empty where kernels may not be forked: each then starts an interpreter of its own.
    """
    if not is_safe():
        yield {SERVER: "0"}
        return
    folder = Path(tempfile.mkdtemp(prefix="petrecon-"))
    place = folder / "warm"
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, str(warm_server.__file__), str(place)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env={name: value for name, value in environment.items() if name != SERVER},
            start_new_session=True,
        )
    try:
        yield {SERVER: str(place)}
    finally:
        assert server.stdin is not None
        server.stdin.close()
        try:
            server.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def kernel_command(source: str) -> list[str]:
    """Return the command that starts a kernel for a notebook: from the server that `PETRECON_WARM` names, or alone."""
    place = os.environ.get(SERVER, "")
    if not Path(place).is_absolute() or not Path(place).exists():
        return [sys.executable, "-m", "ipykernel_launcher"]
    return [sys.executable, "-I", "-S", str(warm_client.__file__), place, ",".join(large_packages(source))]


def large_packages(source: str) -> list[str]:
    """Return the modules of large packages that a notebook, or a module that it uses, imports."""
    trees = [_large(path) for path in modules_used(source).values()]
    return sorted({name for names in [_large_in(ast.parse(source)), *trees] for name in names})


@kept_by_stamp
def _large(path: Path) -> tuple[str, ...]:
    return _large_in(parse(path))


def _large_in(tree: ast.AST) -> tuple[str, ...]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return tuple(name for name in names if name.partition(".")[0] in _LARGE)
