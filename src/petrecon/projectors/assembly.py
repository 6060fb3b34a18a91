"""The system matrix of Joseph's method, written row by row from the same line tracer as the kernels."""

from __future__ import annotations

import numpy as np

from petrecon.projectors.compiled import get_num_threads, njit, prange
from petrecon.projectors.geometry import Geometry
from petrecon.projectors.joseph import Lines, traced
from petrecon.projectors.kernels import _is_flat, _run, _trace


@njit(cache=True, error_model="numpy")
def _row(p, q, n, size, pz, columns, weights):  # type: ignore[no-untyped-def]
    """Write one line's voxel numbers (without the border) and weights [mm]; return how many."""
    lo, hi, before, after, au, bu, av, bv, sa, su, sv, step = _trace(p, q, n, size, pz)
    flat = _is_flat(av, bv)
    s1 = n[2] + 2 * pz
    s0 = (n[1] + 2) * s1
    count = 0
    for part in range(3):
        one, two, weight = _run(part, lo, hi, before, after)
        length = weight * step
        for i in range(one, two):
            u, v = au + bu * i, av + bv * i
            iu, iv = int(u), int(v)
            f, g = u - iu, v - iv
            k = i * sa + iu * su + iv * sv
            for j in range(2 if flat else 4):
                du, dv = j & 1, j >> 1
                w = (f if du else 1 - f) * (g if dv else 1 - g) * length
                m = k + du * su + dv * sv
                x, y, z = m // s0 - 1, (m % s0) // s1 - 1, m % s1 - pz
                if w > 0.0 and 0 <= x < n[0] and 0 <= y < n[1] and 0 <= z < n[2]:
                    columns[count] = (x * n[1] + y) * n[2] + z
                    weights[count] = w
                    count += 1
    return count


@njit(cache=True, parallel=True, error_model="numpy")
def _count(start, end, n, size, pz, per_line, per_voxel):  # type: ignore[no-untyped-def]
    """Count the entries of each line (lines,) and, thread by thread, of each voxel (threads, voxels)."""
    threads, lines = per_voxel.shape[0], start.shape[0]
    for t in prange(threads):
        columns = np.empty(4 * max(n[0], n[1], n[2]), np.int64)
        weights = np.empty(columns.size, np.float64)
        for r in range(t * lines // threads, (t + 1) * lines // threads):
            count = _row(start[r], end[r], n, size, pz, columns, weights)
            per_line[r] = count
            for j in range(count):
                per_voxel[t, columns[j]] += 1


@njit(cache=True, error_model="numpy")
def _fill_transpose(start, end, n, size, pz, pointer, indices, values):  # type: ignore[no-untyped-def]
    """Fill the transpose (voxel rows); taking lines in order sorts each row. `pointer` is consumed."""
    columns = np.empty(4 * max(n[0], n[1], n[2]), np.int64)
    weights = np.empty(columns.size, np.float64)
    for r in range(start.shape[0]):
        for j in range(_row(start[r], end[r], n, size, pz, columns, weights)):
            slot = pointer[columns[j]]
            pointer[columns[j]] = slot + 1
            indices[slot] = r
            values[slot] = weights[j]


@njit(cache=True, error_model="numpy")
def _transpose(pointer, indices, values, cursor, out_indices, out_values):  # type: ignore[no-untyped-def]
    """Transpose a CSR matrix; `cursor` holds the row pointers of the result and is consumed."""
    for row in range(pointer.size - 1):
        for p in range(pointer[row], pointer[row + 1]):
            slot = cursor[indices[p]]
            cursor[indices[p]] = slot + 1
            out_indices[slot] = row
            out_values[slot] = values[p]


def _pointers(counts: np.ndarray) -> np.ndarray:
    """Return CSR row pointers from the number of entries in each row."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def count_entries(lines: Lines) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of entries of each line and of each voxel; `lines` as made by `joseph.traced`."""
    start, _, n = lines[:3]
    per_line = np.zeros(len(start), np.int64)
    per_voxel = np.zeros((min(get_num_threads(), 8), int(n[0] * n[1] * n[2])), np.int64)
    _count(*lines, per_line, per_voxel)
    return per_line, per_voxel.sum(axis=0)


def estimated_entries(geometry: Geometry) -> int:
    """Return about how many entries the matrix has, from one line in a hundred, spread evenly over the sinogram."""
    some = min(geometry.lines, max(1000, min(geometry.lines // 100, 100_000)))
    golden = (np.sqrt(5) - 1) / 2  # its multiples modulo one lie evenly and in step with no axis of the sinogram
    numbers = (np.arange(some) * golden % 1.0 * geometry.lines).astype(np.int64)
    per_line, _ = count_entries(traced(geometry, numbers))
    return int(per_line.mean() * geometry.lines) if some else 0


def assemble(lines: Lines, per_line: np.ndarray, per_voxel: np.ndarray, dtype: np.dtype) -> tuple[tuple, tuple]:
    """Return the matrix and its transpose, each as int32 row pointers and column indices, and values.

    Both have ascending column indices. Needs 2 · entries · (4 + itemsize) bytes and little more.
    """
    entries = int(per_line.sum())
    forward, back = _pointers(per_line), _pointers(per_voxel)
    back_indices, back_values = np.empty(entries, np.int32), np.empty(entries, dtype)
    _fill_transpose(*lines, back[:-1].copy(), back_indices, back_values)
    indices, values = np.empty(entries, np.int32), np.empty(entries, dtype)
    _transpose(back, back_indices, back_values, forward[:-1].copy(), indices, values)
    return (
        (forward.astype(np.int32), indices, values),
        (back.astype(np.int32), back_indices, back_values),
    )
