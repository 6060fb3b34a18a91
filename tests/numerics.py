"""`make test-numerics`: the tests under every setting of the processor's arithmetic that a reader may meet.

Not a test file: it runs them all, once per setting, and goes on past a failure. Words after the command go to pytest.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
KEPT = ROOT / ".cache" / "numerics"

# Which code MKL and PyTorch choose for a processor, and how many threads share a sum: each rounds differently.
SETTINGS = {
    "as it comes, 1 thread": {"threads": 1},
    "as it comes, 2 threads": {"threads": 2},
    "MKL compatible, 1 thread": {"threads": 1, "MKL_CBWR": "COMPATIBLE"},
    "MKL compatible, 2 threads": {"threads": 2, "MKL_CBWR": "COMPATIBLE"},
    "MKL AVX2, 1 thread": {"threads": 1, "MKL_CBWR": "AVX2"},
    "MKL AVX2, 2 threads": {"threads": 2, "MKL_CBWR": "AVX2"},
    "PyTorch without vectors, 2 threads": {"threads": 2, "ATEN_CPU_CAPABILITY": "default"},
    "PyTorch AVX2, 2 threads": {"threads": 2, "ATEN_CPU_CAPABILITY": "avx2"},
    "an unknown processor (1)": {"threads": 1, "ROUNDING": "1"},  # see tests/rounding.py
    "an unknown processor (2)": {"threads": 2, "ROUNDING": "2"},
}
OURS = ("ROUNDING", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "ATEN_CPU_CAPABILITY")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def environment(setting: dict) -> dict[str, str]:
    """Return the environment of a setting: nothing of the caller's choice of arithmetic is left in it."""
    left = {name: value for name, value in os.environ.items() if name not in OURS}
    chosen = {name: value for name, value in setting.items() if name != "threads"}
    return left | chosen | dict.fromkeys(THREADS, str(setting["threads"]))


def run(name: str, words: list[str]) -> bool:
    """Run the tests under one setting, print its line, and say whether all passed."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", *words]
    command += ["-p", "tests.rounding"] if "ROUNDING" in SETTINGS[name] else []
    done = subprocess.run(command, cwd=ROOT, env=environment(SETTINGS[name]), capture_output=True, text=True)
    (KEPT / f"{name.replace(' ', '-').replace(',', '')}.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    lines = done.stdout.strip().splitlines() or ["pytest said nothing"]
    counts = re.sub(r" in [0-9.]+s.*", "", lines[-1]).strip("= ")
    print(
        f"{name:36}{'ok   ' if done.returncode == 0 else 'RED  '}{counts}  {time.monotonic() - begun:.0f} s", flush=True
    )
    for line in lines:
        if line.startswith(("FAILED", "ERROR")):
            print(f"    {line}", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    KEPT.mkdir(parents=True, exist_ok=True)
    outcome = [run(name, sys.argv[1:]) for name in SETTINGS]
    print(f"{sum(outcome)} of {len(outcome)} settings green; what pytest said is in {KEPT.relative_to(ROOT)}")
    sys.exit(0 if all(outcome) else 1)
