"""The project's own promises: environments in step, imports only downwards, small files, notebooks in form."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "petrecon").rglob("*.py"))
FLOORS = ["provenance", "projectors", "phantoms", "reconstruct", "metrics", "models", "peft", "ddip", "petite", "deq"]
FLOORS += ["compendium"]


def _name(requirement: str) -> str:
    return re.split(r"[<>=!~\[; ]", requirement)[0].lower().replace("_", "-")


def _pip_requirements() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return {_name(r): r for r in [*project["dependencies"], *extras["book"], *extras["dev"]]}


def test_conda_environment_lists_the_same_packages_as_pip():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = [d for d in listed if isinstance(d, str)]
    pip = next(d["pip"] for d in listed if isinstance(d, dict))
    found = {_name(d) for d in [*conda, *pip]} - {"python", "pip", "-e", "parallelproj"}
    found = {"torch" if name == "pytorch" else name for name in found}
    assert found == set(_pip_requirements())
    assert "parallelproj>=2" in conda


def test_conda_and_pip_pin_the_same_versions():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    every = [d for d in listed if isinstance(d, str)] + next(d["pip"] for d in listed if isinstance(d, dict))
    pins = {_name(d).replace("pytorch", "torch"): d.split("==")[1] for d in every if "==" in d}
    ours = {name: r.split("==")[1] for name, r in _pip_requirements().items() if "==" in r}
    assert pins == ours


def test_constraints_pin_every_direct_requirement():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {_name(line): line for line in lines if line and not line.startswith("#")}
    assert all("==" in line for line in pins.values())
    assert set(_pip_requirements()) <= set(pins)
    assert pins["torch"] == "torch==2.13.0"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_imports_go_only_downwards(path):
    """A package may import those above it in FLOORS, never those below; single modules listed here are below all."""
    parts = path.relative_to(ROOT / "src" / "petrecon").parts
    if parts[0] not in FLOORS:
        return
    allowed = {*FLOORS[: FLOORS.index(parts[0]) + 1], "checkpoints", "errors", "paths", "__version__"}
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "petrecon" else [f"petrecon.{a.name}" for a in node.names]
        for name in names:
            if name.startswith("petrecon."):
                assert name.split(".")[1] in allowed, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_no_file_grows_past_400_lines(path):
    assert len(path.read_text().splitlines()) <= 400


def test_half_of_the_files_are_short():
    lengths = sorted(len(p.read_text().splitlines()) for p in SOURCES)
    assert lengths[len(lengths) // 2] < 150


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.py")), ids=lambda p: p.stem)
def test_notebooks_are_short_and_teach(path):
    text = path.read_text()
    assert sum(bool(line.strip()) for line in text.splitlines()) <= 250
    assert 'tags=["parameters"]' in text
    assert not re.search(r"requests|urllib|download", text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 30, f"{node.name} belongs in the library"


def test_every_artefact_of_the_three_papers_is_listed():
    entries = yaml.safe_load((ROOT / "data" / "artefacts.yml").read_text())
    count = {
        (p, k): sum(e["paper"] == p and e["kind"] == k and "/extra-" not in e["id"] for e in entries)
        for p in ("petite", "ddip", "deq")
        for k in ("figure", "table", "algorithm")
    }
    assert count == {
        ("petite", "figure"): 4, ("petite", "table"): 7, ("petite", "algorithm"): 0,
        ("ddip", "figure"): 12, ("ddip", "table"): 2, ("ddip", "algorithm"): 1,
        ("deq", "figure"): 2, ("deq", "table"): 1, ("deq", "algorithm"): 0,
    }  # fmt: skip
    later = {"petct-fm", "uda-psma", "decade", "fed-ndif", "madm"}
    assert {(e["paper"], e["kind"]) for e in entries if e["paper"] in later} == {
        (p, k) for p in later for k in ("table", "figure")
    }
