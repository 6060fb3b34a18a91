"""The project's own promises: environments in step, imports only downwards, small files, notebooks in form."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "petrecon").rglob("*.py"))
FLOORS = ["provenance", "projectors", "phantoms", "reconstruct", "metrics", "models", "peft", "ddip", "petite", "deq"]
FLOORS += ["compendium", "studies"]
PAPERS = {"ddip", "petite", "deq"}
WINGS = ["runs", "notebook", "book"]


def _name(requirement: str) -> str:
    return re.split(r"[<>=!~\[; ]", requirement)[0].lower().replace("_", "-")


def _pip_requirements() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return {_name(r): r for r in [*project["dependencies"], *extras["book"], *extras["dev"]]}


def _pins() -> dict[str, str]:
    """Return the version of every package in constraints.txt."""
    text = (ROOT / "constraints.txt").read_text()
    return {_name(name): pin for name, pin in re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", text, re.MULTILINE)}


def test_conda_and_pip_have_the_same_direct_requirements_at_the_same_versions():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = [d for d in listed if isinstance(d, str)]
    pip = next(d["pip"] for d in listed if isinstance(d, dict))
    assert conda == ["python=3.12", "pip", "parallelproj>=2", "pytorch==2.13.0"]
    assert pip[-1] == "-e ."
    assert {_name(d): d.split("==")[1] for d in pip[:-1]} == {name: _pins()[name] for name in _direct() - {"torch"}}


def _direct() -> set[str]:
    return set(_pip_requirements())


def test_constraints_pin_every_direct_requirement_by_its_hashes():
    """PyTorch alone is left out: any build of its version will do."""
    assert _direct() - set(_pins()) == {"torch"}
    assert _pip_requirements()["torch"] == "torch==2.13.0"
    text = (ROOT / "constraints.txt").read_text()
    for entry in re.split(r"\n(?=[a-z0-9])", text)[1:]:
        assert re.search(r"\n    --hash=sha256:[0-9a-f]{64}", entry), entry[:80]


def test_no_pin_needs_a_newer_python_than_the_oldest_promised():
    """What is installed is what is pinned: its own word on the Pythons it takes must admit 3.11.0."""
    from importlib.metadata import PackageNotFoundError, distribution

    from packaging.specifiers import SpecifierSet

    refused = []
    for name, pin in _pins().items():
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        if found.version == pin and "3.11.0" not in SpecifierSet(found.metadata["Requires-Python"] or ""):
            refused.append(f"{name} {pin}: {found.metadata['Requires-Python']}")
    assert not refused


def test_committed_files_name_no_host_of_a_package_index():
    for name in ("constraints.txt", "environment.yml", "pyproject.toml", "Makefile", ".ci/run"):
        assert not re.search(r"https?://|--index|find-links", (ROOT / name).read_text()), name


def test_actions_are_pinned_by_commit():
    used = re.findall(r"uses: *(\S+)", (ROOT / ".github" / "workflows" / "book.yml").read_text())
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used)


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.py")), ids=lambda p: p.stem)
def test_a_notebook_uses_every_parameter_that_it_offers(path):
    """An option that changes nothing is a promise not kept; `profile` alone is every notebook's."""
    from petrecon.compendium.runs.notebook_source import NotebookSource
    from petrecon.compendium.runs.parameters import declared

    source = NotebookSource(path)
    names = (node for node in ast.walk(ast.parse(source.text)) if isinstance(node, ast.Name))
    used = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    assert set(declared(source)) - {"profile"} <= used


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_imports_go_only_downwards(path):
    """A package may import those above it in FLOORS, never those below; single modules listed here are below all."""
    parts = path.relative_to(ROOT / "src" / "petrecon").parts
    if parts[0] not in FLOORS:
        return
    allowed = {
        *FLOORS[: FLOORS.index(parts[0]) + 1],
        "cards",
        "checkpoints",
        "errors",
        "paths",
        "profiles",
        "schedules",
        "settings_checks",
        "yaml_files",
        "__version__",
    }
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
def test_papers_are_siblings_and_wings_stand_in_order(path):
    """No paper's package imports another's; what runs notebooks knows nothing of pages."""
    parts = path.relative_to(ROOT / "src" / "petrecon").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.ImportFrom) and node.module):
            continue
        other = node.module.split(".")[1:]
        if parts[0] in PAPERS and other:
            assert other[0] not in PAPERS - {parts[0]}, f"{path.name} imports {node.module}"
        if parts[0] == "compendium" and other[:1] == ["compendium"] and len(other) > 1 and len(parts) > 2:
            assert WINGS.index(other[1]) <= WINGS.index(parts[1]), f"{path.name} imports {node.module}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_only_studies_name_a_notebook(path):
    names = {notebook.stem for notebook in (ROOT / "notebooks").glob("[0-9]*.py")}
    if path.relative_to(ROOT / "src" / "petrecon").parts[0] not in ("studies", "cli.py"):  # help shows an example
        assert not [name for name in names if name in path.read_text()]


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


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.py")), ids=lambda p: p.stem)
def test_code_of_a_notebook_fits_the_column_of_the_book(path):
    """Prose wraps by itself; a code cell that is wider than its column scrolls sideways."""
    lines = [line for code in _code(path) for line in code.splitlines()]
    assert [line for line in lines if len(line) > 88] == []


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.py")), ids=lambda p: p.stem)
def test_a_notebook_types_no_voxel_and_no_crop_and_draws_mr_grey(path):
    """Voxels come from a subject or an exam, the crop from the head; white matter is bright in every MR."""
    code = "\n".join(_code(path))
    assert not re.search(r"\b2\.0863\b|\b2\.03642\b|\(-95, 95\)|\(-115, 115\)|HEAD_MM", code)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "image":
            drawn = ast.unparse(node)
            assert not re.search(r"\bmr\b", drawn) or "cmap='gray'" in drawn, drawn


def _code(path: Path) -> list[str]:
    from petrecon.compendium.runs.notebook_source import NotebookSource

    return [cell.text for cell in NotebookSource(path).cells if cell.kind == "code"]


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


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a git checkout")
def test_all_tracked_files_together_weigh_no_more_than_150_mb():
    """Weights, published runs and anatomy are in the repository: who clones it waits for them."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=True
    ).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    assert sum(path.stat().st_size for path in paths if path.is_file()) <= 150e6
