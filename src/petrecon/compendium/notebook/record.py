"""What a notebook leaves behind besides its page: numbers and arrays, written as the run goes on."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from petrecon.compendium.notebook.by_hand import by_hand, scratch
from petrecon.compendium.notebook.shown import show_markdown
from petrecon.errors import InputError, PetreconError
from petrecon.metrics.intervals import Interval
from petrecon.metrics.resampling import Units, unit_order
from petrecon.metrics.resampling import interval as make_interval
from petrecon.paths import root
from petrecon.provenance import cache, loaded, reads
from petrecon.provenance.atomic import atomic_path, write_json
from petrecon.provenance.versions import versions

_backends: list[dict[str, str]] = []
_SPEED = ("OMP_", "MKL_", "OPENBLAS_", "KMP_", "NUMBA_", "TORCH_", "PYTORCH_", "ATEN_", "CUDA_", "CUBLAS_", "NVIDIA_")


def output_stem() -> Path:
    """Return the path, without ending, of the current run's files.

    The runner sets it (`PETRECON_RUN`); by hand every process has a scratch folder of its own, outside the project.
    """
    return scratch() / "notebook" if by_hand() else Path(os.environ["PETRECON_RUN"])


def output(ending: str) -> Path:
    """Return the current run's file with this ending, `.numbers.json` for example."""
    stem = output_stem()
    return stem.with_name(stem.name + ending)


def record(
    key: str,
    value: Any = None,
    *,
    unit: str = "",
    samples: Any = None,
    units: Units | None = None,
    interval: Interval | None = None,
    kind: str | None = None,
    compares: tuple[str, str] | None = None,
    note: str = "",
) -> Interval | None:
    """Keep a number for the ledger, for comparison of runs and for other notebooks.

    Parameters
    ----------
    key : str
        Its name in this notebook, `"mlem/psnr"` for example.
    value : number, bool or str, optional
        The number; the mean of `samples` over units, or the value of `interval`, when it is not given.
    unit : str
        Its unit, empty when it has none.
    samples : (n,) array-like, optional
        The values it is the mean of, in an order that is the same in every run (so that runs can be paired).
    units : str or mapping
        What a sample is one of: `"patients"`, or labels by level for nested samples; see `petrecon.metrics.interval`,
        which makes the interval.
    interval : Interval, optional
        From `petrecon.metrics`, for a number that is no mean of samples.
    kind : "exact", optional
        For a count or an identity, which its value decides.
    compares : (first, second), optional
        The two methods, when the number says which is better. Every such key must be a claim or be excused.
    note : str
        What a reader of the ledger should know.

    Returns
    -------
    Interval or None
        What the ledger holds, for the page to print (`petrecon.metrics.format_interval`); None for a text.

    Raises
    ------
    InputError
        If the value is not finite, not a number, or missing; if samples come without units, or an interval that does
        not say what it is over; nothing is written.
    """
    values = None if samples is None else [float(_finite(key, s)) for s in np.asarray(_plain(samples)).ravel()]
    given = None if value is None else _finite(key, value)
    try:
        found = _interval_of(given, values, units, interval, kind)
        order = unit_order(units, len(values)) if values and units is not None else []
    except PetreconError as error:
        raise InputError(f"record({key!r}): {error}") from None
    if compares is not None and not (len(compares) == 2 and all(isinstance(name, str) and name for name in compares)):
        raise InputError(f"record({key!r}): compares is a pair of names, got {compares!r}")
    entry = {
        "value": found.value if given is None and found is not None else given,
        "unit": unit,
        "samples": [values[k] for k in order] if values and order else values,
        "note": note,
        "compares": list(compares) if compares else None,
    }
    if found is not None:
        entry["interval"] = [found.low, found.high] if found.known else None
        entry["kind"] = found.kind if found.kind != "none" else None
        entry["units"] = dict(found.units) or None
    path = output(".numbers.json")
    numbers = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    numbers[key] = {name: entry[name] for name in sorted(entry) if entry[name] not in (None, "")}
    write_json(path, dict(sorted(numbers.items())), sort=False)  # the order of units says which is outermost
    return found and Recorded(found.value, found.low, found.high, found.kind, found.units, found.level)


class Recorded(Interval):
    """What `record` returns: an interval that a cell which ends with it does not show."""

    def _ipython_display_(self) -> None:
        """Show nothing."""


def _interval_of(
    value: Any, samples: list[float] | None, units: Units | None, interval: Interval | None, kind: str | None
) -> Interval | None:
    if interval is not None:
        if not isinstance(interval, Interval):
            raise InputError("two bare ends do not say what they are over: give petrecon.metrics.interval(…, units=…)")
        if kind is not None or not (value is None or math.isclose(value, interval.value, rel_tol=1e-6)):
            raise InputError("an interval brings its own kind and value: leave out those beside it")
        return interval
    if samples is not None and kind is None:
        if units is None:
            raise InputError('samples need units, what a sample is one of: units="patients" for example')
        found = make_interval(samples, units=units)
        agree = value is None or math.isclose(value, found.value, rel_tol=1e-6)
        return found if agree else Interval(float(value), float(value), float(value), "none", found.units)
    if value is None:
        raise InputError("give a value or samples")
    if kind not in (None, "exact"):
        raise InputError("kind can only be 'exact': an interval of another kind brings it along")
    if isinstance(value, str):
        return None
    return Interval(float(value), float(value), float(value), kind or "none")


def save_array(key: str, array: Any, **meta: Any) -> None:
    """Keep an array, so that runs can be compared as images.

    Parameters
    ----------
    key : str
    array : tensor or array
        Kept as float32 where it is float64.
    **meta
        Unit, voxel_size, …: kept beside it.

    Raises
    ------
    InputError
        If it holds values that are not finite.
    """
    values = np.asarray(_plain(array))
    if values.dtype == np.float64:
        values = values.astype(np.float32)
    if not np.all(np.isfinite(values)):
        raise InputError(f"save_array({key!r}): the array holds values that are not finite")
    path = output(".arrays.npz")
    arrays: dict[str, np.ndarray] = {}
    if path.exists():
        with np.load(path) as earlier:
            arrays = {name: earlier[name] for name in earlier.files}
    arrays[key] = values
    if meta:
        arrays[f"{key}.meta"] = np.array(json.dumps(meta, sort_keys=True))
    with atomic_path(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **dict(sorted(arrays.items())))


def show_text(text: str) -> None:
    """Show a sentence that holds computed numbers.

    Parameters
    ----------
    text : str
        Markdown.
    """
    show_markdown(text)


def record_backend(name: Any, version: str = "", device: str = "") -> None:
    """Note which projector the run used, for its receipt.

    Parameters
    ----------
    name : str or operator
        The backend's name, or an operator with `.backend` and `.backend_version`.
    version, device : str
        Its version and the device, when a name is given.
    """
    if not isinstance(name, str):
        version = version or str(getattr(name, "backend_version", ""))
        name = str(getattr(name, "backend", type(name).__name__))
    entry = {"backend": name, "version": version, "device": device or _device()}
    if entry not in _backends:
        _backends.append(entry)


def track_input(path: str | Path) -> Path:
    """Note that the run reads a file of the project (a table, weights); return the file's path.

    Parameters
    ----------
    path : path
        Taken from the project's root when it is not absolute.

    Raises
    ------
    InputError
        If there is no such file.
    """
    full = root() / Path(path)
    if not full.is_file():
        raise InputError(f"there is no file {path}")
    reads.note_file(full)
    return full


def write_kernel_facts() -> None:
    """Write what only the kernel knows (memory, versions, backends, files read); the runner calls it last."""
    import resource

    scale = 2**20 if sys.platform == "darwin" else 2**10
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
    reads.note_foreign_modules()
    started_in = loaded.environment().items()
    facts = {
        "cache": cache.counts,
        "device": _device(),
        "edited": reads.edited(),
        "environment": {n: v for n, v in sorted(started_in) if n.startswith(_SPEED) and os.sep not in v},
        "inputs": reads.noted(),
        "peak_memory_mib": round(memory),
        "projectors": _backends,
        "threads": _threads(),
        "versions": _versions(),
    }
    write_json(output(".kernel.json"), facts)


def _versions() -> dict[str, str]:
    """Return the versions of the packages that the run's code asked for."""
    modules = {"scikit-image": "skimage"}
    found = {name: number for name, number in versions().items() if modules.get(name, name) in loaded.asked()}
    found["python"] = sys.version.split()[0]
    for name in ("petrecon", "parallelproj_core"):
        if name in sys.modules:
            found[name] = str(getattr(sys.modules[name], "__version__", ""))
    return found


def _threads() -> dict[str, int]:
    """Return how many threads each library that the run's code asked for works with, and the cores there are."""
    counted: dict[str, int] = {n: sys.modules[n].get_num_threads() for n in ("torch", "numba") if n in loaded.asked()}
    return {"cores": os.cpu_count() or 1, **counted}


def _device() -> str:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return str(torch.cuda.get_device_name())
    return "cpu"


def _plain(value: Any) -> Any:
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def _finite(key: str, value: Any) -> Any:
    value = _plain(value)
    if isinstance(value, (bool, str, int)):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"record({key!r}) takes a number, got {type(value).__name__}") from None
    if not math.isfinite(number):
        raise InputError(f"record({key!r}): the value is {number}")
    return number
