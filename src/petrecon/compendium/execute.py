"""Make a notebook of a source, execute it with papermill, and leave the same bytes every time."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from petrecon import errors
from petrecon.compendium.disk import error_in
from petrecon.compendium.parameters import declared
from petrecon.compendium.runs import Run
from petrecon.compendium.sources import Source
from petrecon.errors import PetreconError, RunFailed
from petrecon.paths import root, working_dir

_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,16}\b")
_FIRST_LINE = "import petrecon.provenance.reads as _reads; _reads.watch(); del _reads"
_LAST_CELL = "from petrecon.compendium.results import finish as _finish\n_finish()"


def to_notebook(source: Source) -> Any:
    """Return the source as a notebook: cells in order, fixed ids, no outputs, kernel `python3`."""
    import jupytext
    import nbformat

    read = jupytext.reads(source.text, fmt="py:percent")
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
    for index, cell in enumerate(read.cells):
        tags = {"tags": list(cell.metadata["tags"])} if cell.metadata.get("tags") else {}
        make = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        notebook.cells.append(make(cell.source, metadata=tags, id=f"cell-{index:02d}"))
    return notebook


def execute(run: Run, stem: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> Any:
    """Execute a run's notebook in a kernel of this interpreter and return it, cleaned.

    Parameters
    ----------
    run : Run
        The notebook and its parameters; those it declares are injected, and `Run.fill` is applied to every
        cell.
    stem : Path
        Where the kernel writes numbers and arrays, without ending.
    progress : function of (cell number, number of cells)
        Called as each cell starts.

    Raises
    ------
    PetreconError
        Of its own kind, in one line, if a cell raises one.
    OSError
        If the disk is full or read-only.
    RunFailed
        If a cell raises anything else, and the message ends with its traceback; or if the kernel dies.
    """
    import nbformat
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    logging.getLogger("papermill").setLevel(logging.ERROR)
    notebook = to_notebook(run.source)
    own = declared(run.source)
    for cell in notebook.cells:
        cell.source = run.fill(cell.source)
    notebook.cells.append(nbformat.v4.new_code_cell(_LAST_CELL, id="finish"))
    draft = stem.with_name(stem.name + ".draft.ipynb")
    nbformat.write(notebook, draft)
    total = sum(cell.cell_type == "code" for cell in notebook.cells)
    started: list[int] = []

    def on_cell(cell: Any, cell_index: int) -> None:
        started.append(cell_index)
        progress(min(len(started), total), total)

    try:
        done = papermill.execute_notebook(
            draft,
            None,
            parameters={name: value for name, value in run.parameters.items() if name in own},
            kernel_name="python3",
            language="python",
            progress_bar=False,
            cwd=root(),
            autosave_cell_every=0,
            coalesce_streams=True,
            on_cell_execute=on_cell,
            kernel_manager_class=_kernel_manager({"PETRECON_RUN": str(stem), **_environment()}),
            extra_arguments=["--IPKernelApp.log_level=CRITICAL", f"--IPKernelApp.exec_lines={_FIRST_LINE}"],
        )
    except DeadKernelError:
        why = "the kernel died, perhaps out of memory; run it again or choose a smaller profile"
        raise RunFailed(f"{run.notebook} stopped: {why}") from None
    except PapermillExecutionError as error:
        raise _mendable(error.ename, error.evalue) or _failed(run, error) from None
    done.cells = [cell for cell in done.cells if cell.id != "finish"]
    return clean(done)


def _mendable(name: str, told: str) -> Exception | None:
    """Return the error of a kernel as the user's to mend: of petrecon, or of the disk; None when it is neither."""
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, PetreconError):
        return kind(" ".join(told.split()))
    return error_in(told) if name == "OSError" else None


def _failed(run: Run, error: Any) -> RunFailed:
    trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
    where = f"{run.notebook}, code cell {error.exec_count}: {error.ename}: {error.evalue}"
    return RunFailed(f"{where}\n{trace}")


def clean(notebook: Any) -> Any:
    """Strip what differs from one execution to the next: times, ids, memory addresses, versions."""
    from nbformat import NotebookNode

    notebook.metadata = NotebookNode(kernelspec=notebook.metadata.kernelspec, language_info=NotebookNode(name="python"))
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index:02d}"
        tags = cell.metadata.get("tags")
        cell.metadata = NotebookNode(tags=list(tags)) if tags else NotebookNode()
        for output in cell.get("outputs", []):
            _without_addresses(output)
    return notebook


def _without_addresses(output: Any) -> None:
    if "text" in output:
        output["text"] = _ADDRESS.sub("0x…", output["text"]).replace(f"{root()}{os.sep}", "")
    for kind in ("text/plain", "text/html"):
        if kind in output.get("data", {}):
            output["data"][kind] = _ADDRESS.sub("0x…", output["data"][kind])


# glibc gives large freed blocks back to the system at once, and every new tensor then costs page faults: on a virtual
# machine 15 times the arithmetic of an elementwise product. Keeping them costs nothing but the peak memory used anyway.
# And threads that wait should sleep: when runs share the cores, waiting by spinning takes the time others need.
CONSIDERATE = {
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
    "OMP_WAIT_POLICY": "passive",
}


def _environment() -> dict[str, str]:
    """Return the environment of the kernel: this checkout's petrecon, pictures inline, nothing of the user's own."""
    import petrecon

    package = str(Path(petrecon.__path__[0]).parent)
    paths = [package, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "IPYTHONDIR": str(working_dir() / "ipython"),
        "PETRECON_HOME": str(root()),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "PYTHONHASHSEED": "0",
        "PYTHONOPTIMIZE": "",
        "PYTHONSTARTUP": "",
        "TQDM_DISABLE": "1",
        "PYTHONWARNINGS": "ignore:IProgress not found",  # what peft's and MONAI's imports say without ipywidgets
        **CONSIDERATE,
    }


def _kernel_manager(environment: Mapping[str, str]) -> type:
    """Return a kernel manager for this interpreter, whatever kernels are installed elsewhere."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    spec = KernelSpec(
        argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        display_name="Python 3",
        language="python",
        env=dict(environment),
    )

    class OwnKernelManager(AsyncKernelManager):
        kernel_spec = spec

    return OwnKernelManager
