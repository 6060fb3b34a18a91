"""What a run costs before its notebook starts: an interpreter of its own beside a forked kernel, in one run."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from pathlib import Path

SOURCE = """# %%
import numpy, pandas, scipy.ndimage, torch
import matplotlib.pyplot as plt
from petrecon.compendium import record
record("sum", float(torch.ones(3).sum()))
"""
REPEATS = 3


def main() -> None:
    home = Path(tempfile.mkdtemp())
    for folder in ("data/scanners", "notebooks", "book"):
        (home / folder).mkdir(parents=True)
    vocabulary = Path(__file__).resolve().parents[1] / "data" / "parameters.yml"
    (home / "data" / "parameters.yml").write_bytes(vocabulary.read_bytes())
    (home / "notebooks" / "01_toy.py").write_text(SOURCE, encoding="utf-8")
    (home / "data" / "runs.yml").write_text("- {notebook: 01_toy}\n", encoding="utf-8")
    os.environ["PETRECON_HOME"] = str(home)
    from petrecon.compendium.book.reproduce import make_all
    from petrecon.compendium.runs.execute import kernel_environment, threads
    from petrecon.compendium.runs.plan import matrix
    from petrecon.compendium.runs.run import plan
    from petrecon.compendium.runs.runner import make_run
    from petrecon.compendium.runs.warm import SERVER, warm_server_for

    os.environ.update(threads())
    run, seconds = plan("01", {}), {"cold": [], "warm": []}
    with warm_server_for({**os.environ, **kernel_environment()}) as variables:
        while not Path(variables[SERVER]).exists() and variables[SERVER] != "0":
            time.sleep(0.1)
        for place, kind in [("0", ""), (variables[SERVER], "")] + [
            ("0", "cold"),
            (variables[SERVER], "warm"),
        ] * REPEATS:
            os.environ[SERVER] = place
            took = seconds_of(lambda: make_run(run, force=True, quiet=True))
            if kind:
                seconds[kind].append(took)
    os.environ.pop(SERVER)
    cold, warm = min(seconds["cold"]), min(seconds["warm"])
    print(
        f"a run of a toy notebook that imports torch: forked {warm:.2f} s, alone {cold:.2f} s, ratio {warm / cold:.2f}"
    )
    run.path("receipt").unlink()
    full = seconds_of(lambda: make_all(matrix("quick")))
    empty = seconds_of(lambda: make_all(matrix("quick")))
    print(f"reproducing it: full {full:.2f} s, with nothing stale {empty:.2f} s, ratio {empty / full:.3f}")
    print(f"memory of the largest process: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB")


def seconds_of(action) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
