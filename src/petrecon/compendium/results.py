"""What a notebook leaves behind besides its page: numbers and arrays, written as the run goes on."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from petrecon.errors import InputError
from petrecon.paths import cache_dir, root
from petrecon.provenance import cache, reads
from petrecon.provenance.versions import versions

_backends: list[dict[str, str]] = []
_SPEED = ("OMP_", "MKL_", "OPENBLAS_", "KMP_", "NUMBA_", "TORCH_", "PYTORCH_", "ATEN_", "CUDA_", "CUBLAS_", "NVIDIA_")


def output_stem() -> Path:
    """Return the path, without ending, of the current run's files.

    The runner sets it (`PETRECON_RUN`); a notebook opened by hand writes to a scratch folder of the cache.
    """
    named = os.environ.get("PETRECON_RUN")
    if named:
        return Path(named)
    folder = cache_dir() / "interactive" / "quick"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "notebook"


def output(ending: str) -> Path:
    """Return the current run's file with this ending, `.numbers.json` for example."""
    stem = output_stem()
    return stem.with_name(stem.name + ending)


def record(
    key: str,
    value: Any = None,
    *,
    unit: str = "",
    interval: Sequence[float] | None = None,
    samples: Any = None,
    note: str = "",
) -> None:
    """Keep a number for the ledger, for comparison of runs and for other notebooks.

    Parameters
    ----------
    key : str
        Its name in this notebook, `"mlem/psnr"` for example.
    value : number, bool or str, optional
        The number; the mean of `samples` when it is not given.
    unit : str
        Its unit, empty when it has none.
    interval : (low, high), optional
        The 95 % interval; when the value is the mean of `samples`, their bootstrap interval by default.
    samples : (n,) array-like, optional
        The values it is the mean of, in an order that is the same in every run (so that runs can be paired).
    note : str
        What a reader of the ledger should know.

    Raises
    ------
    InputError
        If the value is not finite, not a number, or missing, or the interval is not (low, high).
    """
    values = None if samples is None else [float(_finite(key, s)) for s in np.asarray(_plain(samples)).ravel()]
    if value is None and not values:
        raise InputError(f"record({key!r}): give a value or samples")
    mean = float(np.mean(values)) if values else math.nan
    kept = mean if value is None else _finite(key, value)
    if interval is None and values and len(values) > 1 and math.isclose(kept, mean, rel_tol=1e-6):
        interval = bootstrap(values)
    if interval is not None:
        interval = [float(_finite(key, end)) for end in interval]
        if len(interval) != 2 or interval[0] > interval[1]:
            raise InputError(f"record({key!r}): the interval must be (low, high), got {interval}")
    entry = {"value": kept, "unit": unit, "interval": interval, "samples": values, "note": note}
    path = output(".numbers.json")
    numbers = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    numbers[key] = {name: part for name, part in entry.items() if part not in (None, "")}
    write_json(path, numbers)


def save_array(key: str, array: Any, **meta: Any) -> None:
    """Keep an array, so that runs can be compared as images; `meta` (unit, voxel_size, …) is kept beside it.

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
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **dict(sorted(arrays.items())))
    os.replace(partial, path)


def say(text: str) -> None:
    """Show a sentence that holds computed numbers, as Markdown."""
    from IPython.display import Markdown, display

    display(Markdown(text))


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


def uses(path: str | Path) -> Path:
    """Note that the run reads a file of the project (a table, weights); return the file's path.

    A path that is not absolute is taken from the project's root.

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


def watch() -> None:
    """Note every file that is opened and every folder of `data/` that is listed from now on (see `reads.watch`)."""
    reads.watch()


def bootstrap(samples: Sequence[float], draws: int = 2000, level: float = 0.95) -> list[float]:
    """Return the percentile bootstrap interval of the mean of samples."""
    values = np.asarray(samples, dtype=float)
    picks = np.random.default_rng(0).integers(0, values.size, (draws, values.size))
    low, high = np.quantile(values[picks].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return [float(low), float(high)]


def finish() -> None:
    """Write what only the kernel knows (memory, versions, backends, files read); the runner calls it last."""
    import resource

    scale = 2**20 if sys.platform == "darwin" else 2**10
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
    reads.note_foreign_modules()
    facts = {
        "cache": cache.counts,
        "device": _device(),
        "edited": reads.edited(),
        "environment": {n: v for n, v in sorted(os.environ.items()) if n.startswith(_SPEED) and os.sep not in v},
        "inputs": reads.noted(),
        "peak_memory_mib": round(memory),
        "projectors": _backends,
        "threads": _threads(),
        "versions": _versions(),
    }
    write_json(output(".kernel.json"), facts)


def _versions() -> dict[str, str]:
    """Return the versions of the packages that were imported."""
    modules = {"scikit-image": "skimage"}
    found = {name: number for name, number in versions().items() if modules.get(name, name) in sys.modules}
    found["python"] = sys.version.split()[0]
    for name in ("petrecon", "parallelproj_core"):
        if name in sys.modules:
            found[name] = str(getattr(sys.modules[name], "__version__", ""))
    return found


def _threads() -> dict[str, int]:
    """Return how many threads each library that was imported works with, and the cores there are."""
    found = {"cores": os.cpu_count() or 1}
    if "torch" in sys.modules:
        found["torch"] = sys.modules["torch"].get_num_threads()
    if "numba" in sys.modules:
        found["numba"] = sys.modules["numba"].get_num_threads()
    return found


def write_json(path: Path, content: Any) -> None:
    """Write JSON at once or not at all."""
    partial = path.with_name(path.name + ".partial")
    text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    partial.write_text(text + "\n", encoding="utf-8")
    os.replace(partial, path)


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
