"""Make a notebook of a source, execute it with papermill, and leave the same bytes every time."""

from __future__ import annotations

import logging
import math
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from petrecon import errors
from petrecon.compendium.runs.disk import cure_of, error_in
from petrecon.compendium.runs.kernels import START_SECONDS, own_kernel
from petrecon.compendium.runs.notebook_source import NotebookSource
from petrecon.compendium.runs.parameters import injected
from petrecon.compendium.runs.run import Run
from petrecon.compendium.runs.warm import kernel_command
from petrecon.errors import ParameterError, PetreconError, RunFailed
from petrecon.paths import root, working_dir

_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,16}\b")
_FIRST_LINE = (
    "import petrecon.provenance.loaded as _loaded, petrecon.provenance.reads as _reads; "
    "_loaded.watch_imports(); _reads.watch(); del _loaded, _reads"
)
_LAST_CELL = (
    "from petrecon.compendium.notebook.record import write_kernel_facts as _write_kernel_facts\n_write_kernel_facts()"
)

_ALWAYS: dict[str, Any] = {
    "kernel_name": "python3",
    "language": "python",
    "progress_bar": False,
    "autosave_cell_every": 0,
    "coalesce_streams": True,
    "start_timeout": START_SECONDS,
    "iopub_timeout": START_SECONDS,
    "extra_arguments": ["--IPKernelApp.log_level=CRITICAL", f"--IPKernelApp.exec_lines={_FIRST_LINE}"],
}


def to_notebook(source: NotebookSource) -> Any:
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
        If a cell raises anything else, and the message ends with its traceback; if the kernel dies; if the
        notebook ends itself, or takes longer than `PETRECON_TIMEOUT` hours (12).
    KernelError
        If no kernel can start.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError
    from zmq.error import ZMQBaseError

    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    limit = _Limit()
    draft, total = _draft(run, stem)
    started: list[int] = []

    def on_cell(cell: Any, cell_index: int) -> None:
        started.append(cell_index)
        progress(min(len(started), total), total)

    with own_kernel(stem.parent, {"PETRECON_RUN": str(stem), **kernel_environment()}) as kernel:
        try:
            done = papermill.execute_notebook(
                draft,
                None,
                parameters=injected(run.source, run.parameters),
                cwd=root(),
                timeout_func=lambda cell: limit.seconds_left(),
                on_cell_execute=on_cell,
                kernel_manager_class=kernel.manager(kernel_command(run.source.text)),
                **_ALWAYS,
            )
        except PapermillExecutionError as error:
            raise _mendable(error.ename, error.evalue) or _failed(run, error) from None
        except (RuntimeError, OSError, ZMQBaseError) as error:
            if isinstance(error, OSError) and cure_of(error):
                raise
            raise (_stopped(run, error, limit) if started else kernel.failed(error)) from None
    if done.cells[-1].execution_count is None:
        raise RunFailed(f"{run.notebook} ended before its last cell: take sys.exit out of it")
    done.cells = [cell for cell in done.cells if cell.id != "finish"]
    return clean(done)


def _draft(run: Run, stem: Path) -> tuple[Path, int]:
    """Write the notebook that is to be executed, filled; return its path and its number of code cells."""
    import nbformat

    notebook = to_notebook(run.source)
    for cell in notebook.cells:
        cell.source = run.fill(cell.source)
    notebook.cells.append(nbformat.v4.new_code_cell(_LAST_CELL, id="finish"))
    draft = stem.with_name(stem.name + ".draft.ipynb")
    nbformat.write(notebook, draft)
    return draft, sum(cell.cell_type == "code" for cell in notebook.cells)


class _Limit:
    """How long a notebook may run in all: `PETRECON_TIMEOUT` hours, or as many as no notebook here needs."""

    def __init__(self) -> None:
        told = os.environ.get("PETRECON_TIMEOUT", "12")
        try:
            self.hours = float(told)
        except ValueError:
            self.hours = math.nan
        if not 0 < self.hours < 10000:
            raise ParameterError(f"PETRECON_TIMEOUT is a number of hours, such as 12; it is {told[:20]!r}")
        self._end = time.monotonic() + 3600 * self.hours

    def seconds_left(self) -> int:
        """Return the seconds that are left, at least one."""
        return max(1, math.ceil(self._end - time.monotonic()))

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._end


def _stopped(run: Run, error: Exception, limit: _Limit) -> Exception:
    """Return the error of a kernel that ended, or was too slow, in the middle of a notebook."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    if isinstance(error, CellTimeoutError) and limit.is_over:
        why = f"it ran for more than {limit.hours:g} h; say PETRECON_TIMEOUT=HOURS to allow more"
    elif isinstance(error, DeadKernelError):
        why = "the kernel died, perhaps out of memory; run it again or choose a smaller profile"
    else:
        return error
    return RunFailed(f"{run.notebook} stopped: {why}")


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


WORKERS = 2  # runs at a time, unless told otherwise


def threads(workers: int = WORKERS) -> dict[str, str]:
    """Return how many threads a run uses: its share of the cores, whether it runs beside others or alone.

    So a run made alone rounds as one made among all. What the user has set counts.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = str(max(1, cores // workers))
    return {name: os.environ.get(name, share) for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")}


def kernel_environment() -> dict[str, str]:
    """Return what every kernel finds set: this checkout's petrecon, pictures inline, nothing of the user's own."""
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
        **threads(),
    }
