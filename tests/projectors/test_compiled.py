"""Compiled kernels on disk are those of the sources as they are now, whatever file a function came from."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import petrecon
from petrecon import projectors

CODE = """
import torch
from petrecon.projectors import load_scanner, make_projector
geometry = load_scanner("biograph-mmr").geometry("quick", dims=2, image_shape=(12, 14), voxel_size=(20.0, 20.0))
image = torch.ones(geometry.image_shape)
print(*(float(make_projector(geometry, backend=name)(image).double().sum()) for name in ("matrix", "joseph")))
"""


def _sums(source: Path, cache: Path) -> list[float]:
    environment = {**os.environ, "PYTHONPATH": str(source), "PETRECON_CACHE": str(cache)}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def test_an_edited_line_tracer_changes_the_matrix_and_the_kernels_alike(tmp_path):
    """`_trace` lives in one file and is inlined in another, which numba's own cache does not look at."""
    package, cache = tmp_path / "petrecon", tmp_path / "cache"
    shutil.copytree(petrecon.__path__[0], package, ignore=shutil.ignore_patterns("__pycache__"))
    matrix, joseph = _sums(tmp_path, cache)
    assert abs(matrix - joseph) < 1e-4 * joseph
    kernels = package / "projectors" / "kernels.py"
    text, times = kernels.read_text(encoding="utf-8"), kernels.stat()
    doubled_text, count = re.subn(r"(?m)^(    return (?!1, 0).*), step$", r"\1, 2 * step", text)
    assert count == 1, "the tracer returns the step length last"
    kernels.write_text(doubled_text, encoding="utf-8")
    os.utime(kernels, ns=(times.st_atime_ns, times.st_mtime_ns))
    doubled = _sums(tmp_path, cache)
    assert [round(new / old, 4) for new, old in zip(doubled, (matrix, joseph), strict=True)] == [2, 2]
    assert len(list((cache / "numba").glob("kernels-*"))) == 2


def test_every_compiled_function_takes_njit_from_the_one_place_that_keys_it():
    home = Path(projectors.__path__[0])
    for path in home.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            if isinstance(node, ast.ImportFrom) and {"njit", "jit", "vectorize", "guvectorize"} & set(names):
                assert path.parent == home, f"{path} compiles functions: the folder's name does not hash it"
                assert node.module == "petrecon.projectors.compiled" or path.name == "compiled.py"
            if "numba" in names:
                raise AssertionError(f"{path} goes round petrecon.projectors.compiled")
