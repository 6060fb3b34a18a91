"""A notebook outside the runner (Jupyter, papermill, a script): what it knows of itself, where it keeps things."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any

_DEFAULT = "quick"
_RUN = re.compile(r"-?@RUN@")
_PARAMETER = re.compile(r"@([A-Z][A-Z_]*)@")


def by_hand() -> bool:
    """Tell whether this process is not a kernel of the runner, which names its files in `PETRECON_RUN`."""
    return not os.environ.get("PETRECON_RUN")


def shell() -> Any:
    """Return the IPython shell that can display things, or None in a plain script."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def parameter(name: str) -> Any:
    """Return the notebook's variable of this name, or None."""
    return getattr(sys.modules.get("__main__"), name, None)


def profile() -> str:
    """Return the notebook's variable `profile`; `quick` when it has none that can name a folder."""
    named = parameter("profile")
    return named if isinstance(named, str) and re.fullmatch(r"[a-z][\w-]*", named) else _DEFAULT


def unlabelled(text: str) -> str:
    """Return text without the run's label `@RUN@`, which only the runner knows."""
    return _RUN.sub("", text)


def fill(text: str) -> str:
    """Return text with `@SCANNER@`, `@DOSE@`, … as the notebook's variables have them, unknown ones as words."""

    def value(found: re.Match[str]) -> str:
        own = parameter(name := found[1].lower())
        return name if own is None else f"{own:.10g}" if isinstance(own, float) else str(own)

    return _PARAMETER.sub(value, unlabelled(text))


def scratch() -> Path:
    """Return this process's own folder for what it records: new, and named to the user when it is made."""
    folder = _own_folder(os.getpid()) / profile()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@cache
def _own_folder(process: int) -> Path:
    named = str(parameter("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME", ""))
    notebook = re.sub(r"\W+", "-", Path(named).stem).strip("-") or "notebook"
    folder = Path(tempfile.mkdtemp(prefix=f"petrecon-{notebook}-"))
    print(f"Numbers and arrays recorded by hand are kept in {folder}; `petrecon run` keeps them with a receipt.")
    return folder


if by_hand():
    # Threads that wait should sleep, as under the runner: on a busy machine spinning costs four times the work.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read once, when torch is loaded
    # What peft's and MONAI's imports say in a kernel without ipywidgets.
    warnings.filterwarnings("ignore", message="IProgress not found")
