from __future__ import annotations

import itertools

import pytest
import torch

from petrecon.errors import InputError
from petrecon.projectors import assembly, load_scanner, make_projector
from petrecon.projectors.cylinder import CylinderGeometry
from petrecon.projectors.joseph import traced


def test_stored_matrices_are_transposes_of_each_other_with_sorted_columns(tiny_3d):
    operator = make_projector(tiny_3d, "matrix", torch.float64)
    matrix, transpose = next(iter(operator._pairs.values()))
    torch.testing.assert_close(matrix.to_dense(), transpose.to_dense().T, rtol=0, atol=0)
    for stored in (matrix, transpose):
        assert stored.col_indices().dtype == torch.int32
        pointers, columns = stored.crow_indices(), stored.col_indices()
        for first, last in itertools.pairwise(pointers):
            assert bool((columns[first:last].diff() > 0).all())


def test_dense_matrix_is_what_joseph_gives_for_unit_voxels(tiny):
    operator, joseph = (make_projector(tiny, backend, torch.float64) for backend in ("matrix", "joseph"))
    dense = next(iter(operator._pairs.values()))[0].to_dense()
    unit = torch.eye(12, dtype=torch.float64).reshape(12, *tiny.image_shape)
    torch.testing.assert_close(dense.T, joseph(unit).reshape(12, -1))


def test_a_matrix_over_the_budget_is_refused_with_its_size_and_the_cure():
    geometry = load_scanner("biograph-mmr").geometry("quick")
    needed = make_projector(geometry, "matrix").nbytes
    with pytest.raises(InputError, match=rf"{-(-needed // 2**20)} MiB.*raise memory_budget or use backend"):
        make_projector(geometry, "matrix", memory_budget=needed - 1)
    assert make_projector(geometry, "matrix", memory_budget=needed).backend == "matrix"


def test_a_matrix_far_over_the_budget_is_refused_from_one_line_in_a_hundred(monkeypatch):
    """mMR in 3D at the laptop coarsening, 2.5 million lines: a hundredth of them is made and traced, and never all."""
    made, followed = [], []
    ends, count = CylinderGeometry.ends, assembly.count_entries

    def counted_ends(self, lines):
        made.append(len(ends(self, lines)[0]))
        return ends(self, lines)

    def counted_entries(lines):
        followed.append(len(lines[0]))
        return count(lines)

    monkeypatch.setattr(CylinderGeometry, "ends", counted_ends)
    monkeypatch.setattr(assembly, "count_entries", counted_entries)
    geometry = load_scanner("biograph-mmr").geometry("laptop", dims=3)
    with pytest.raises(InputError, match=r"needs about \d+ MiB and memory_budget allows 500 MiB"):
        make_projector(geometry, "matrix", memory_budget=500 * 2**20)
    assert make_projector(geometry, memory_budget=500 * 2**20).backend == "joseph"
    assert made == followed == [geometry.lines // 100] * 2
    assert "lor_start" not in vars(geometry)


@pytest.mark.parametrize("scanner", ["hrrt", "ecat-hrplus"])
def test_the_estimate_of_the_entries_is_within_three_per_cent(scanner):
    geometry = load_scanner(scanner).geometry("quick", dims=3)
    exact = int(assembly.count_entries(traced(geometry))[0].sum())
    assert assembly.estimated_entries(geometry) == pytest.approx(exact, rel=0.03)


def test_more_entries_than_an_index_can_number_are_refused_whatever_the_budget(tiny, monkeypatch):
    monkeypatch.setattr("petrecon.projectors.matrix._SAMPLED", 0)
    monkeypatch.setattr(assembly, "estimated_entries", lambda geometry: 3 * 2**30)
    with pytest.raises(InputError, match='about 3221225472 entries.*use backend="joseph"'):
        make_projector(tiny, "matrix", memory_budget=float("inf"))


def test_the_size_is_that_of_the_stored_tensors(tiny):
    operator = make_projector(tiny, "matrix")
    stored = sum(
        part.numel() * part.element_size()
        for matrix in next(iter(operator._pairs.values()))
        for part in (matrix.crow_indices(), matrix.col_indices(), matrix.values())
    )
    assert operator.nbytes == stored


def test_a_batch_wider_than_a_chunk_equals_its_parts(tiny):
    """70 images: two chunks of 32 columns and a remainder."""
    operator = make_projector(tiny, "matrix", torch.float64)
    x = torch.rand(70, *tiny.image_shape, dtype=torch.float64)
    torch.testing.assert_close(operator(x)[69], operator(x[69]))
    torch.testing.assert_close(operator(x)[33], operator(x[33]))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_what_the_cpu_gives(tiny_3d):
    operator = make_projector(tiny_3d, "matrix", torch.float64)
    x = torch.rand(3, *tiny_3d.image_shape, dtype=torch.float64)
    y = operator(x.cuda())
    assert y.is_cuda
    torch.testing.assert_close(y.cpu(), operator(x))
    torch.testing.assert_close(operator.adjoint(y).cpu(), operator.adjoint(y.cpu()))
