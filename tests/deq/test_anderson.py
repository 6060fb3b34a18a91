"""Acceleration: fewer iterations, the same point, sample by sample; and how other choices fail."""

from functools import partial

import pytest
import torch

from petrecon.deq import NotConverged, anderson, hyperparameters, kkt_residual, mm_map, picard, reconstruct
from petrecon.errors import ParameterError


def linear_map(samples, matrices, offsets):
    return lambda x: torch.einsum("bij,bj->bi", matrices[samples], x) + offsets[samples]


@pytest.fixture
def linear():
    """Contractions with spectra in [0, 0.99], of different difficulty per sample."""
    generator = torch.Generator().manual_seed(0)
    q, _ = torch.linalg.qr(torch.randn(3, 30, 30, generator=generator, dtype=torch.float64))
    top = torch.tensor([0.5, 0.9, 0.99], dtype=torch.float64)
    values = top[:, None] * torch.linspace(0, 1, 30, dtype=torch.float64)
    matrices = q @ torch.diag_embed(values) @ q.mT
    offsets = torch.randn(3, 30, generator=generator, dtype=torch.float64)
    return partial(linear_map, matrices=matrices, offsets=offsets), matrices, offsets


def test_fixed_point_of_a_linear_map_is_the_solution(linear):
    restrict, matrices, offsets = linear
    exact = torch.linalg.solve(torch.eye(30, dtype=torch.float64) - matrices, offsets)
    for method in (anderson, picard):
        x, report = method(restrict, torch.zeros_like(offsets), tol=1e-13, max_iterations=5000)
        torch.testing.assert_close(x, exact, rtol=1e-9, atol=1e-9)
        assert report.evaluations == int(report.iterations.sum())
    assert report.iterations[0] < report.iterations[1] < report.iterations[2]


def test_batch_is_the_loop_over_samples(linear, problem, theta):
    restrict, _, offsets = linear
    x, report = anderson(restrict, torch.zeros_like(offsets), tol=1e-10)
    for b in range(3):
        own, one = anderson(lambda s, b=b: restrict(s + b), torch.zeros_like(offsets[b : b + 1]), tol=1e-10)
        torch.testing.assert_close(own[0], x[b], rtol=0, atol=1e-8)
        assert abs(int(one.iterations[0]) - int(report.iterations[b])) <= 2
    x, _ = reconstruct(problem, theta, tol=1e-11, memory=10)
    for b in range(len(problem)):
        own, _ = reconstruct(problem.select([b]), theta, tol=1e-11, memory=10)
        assert (own[0] - x[b]).norm() / x[b].norm() <= 1e-8


def test_five_times_fewer_iterations_than_plain(problem):
    theta = hyperparameters(0.05, [0.25, 0.3, 0.5, 0.7], 0.1)
    _, ours = reconstruct(problem, theta, tol=1e-5)
    _, plain = reconstruct(problem, theta, tol=1e-5, memory=1)
    assert (plain.iterations >= 5 * ours.iterations).all()


def test_absolute_regularisation_depends_on_the_unit_and_stalls(problem, theta):
    """The absolute 1e-4 of public codes: more than twice the iterations to 1e-8; ours does not see the scale."""
    _, ours = reconstruct(problem, theta, tol=1e-8)
    _, theirs = reconstruct(
        problem, theta, tol=1e-8, regularisation=1e-4, relative=False, max_iterations=600, on_failure="report"
    )
    assert (theirs.iterations >= 2 * ours.iterations).all()


def test_unguarded_acceleration_can_be_held_at_a_wrong_point(problem):
    """Extrapolation throws voxels near zero and keeps them there; with the guard the minimiser is reached."""
    theta = hyperparameters(0.05, [0.25, 0.3, 0.5, 0.7], 0.1)
    one = problem.select([0])
    options = {"tol": 1e-9, "memory": 10, "max_iterations": 300, "on_failure": "report"}
    free, stuck = reconstruct(one, theta, guarded=False, **options)
    good, report = reconstruct(one, theta, **options)
    assert bool(report.converged.all())
    assert not bool(stuck.converged.any())
    assert kkt_residual(good, one, theta).max() < 1e-6
    assert kkt_residual(free, one, theta).max() > 1e-3


def test_plain_em_map_has_false_fixed_points(problem, theta):
    """Zero is absorbing for De Pierro's map, even where leaving it lowers the objective; not for the shifted one."""
    minimiser, _ = reconstruct(problem, theta, tol=1e-10, memory=10)
    hot = (minimiser > 10) & (minimiser == minimiser.amax((1, 2, 3), keepdim=True))
    thrown = torch.where(hot, 0.0, minimiser)
    false, report = reconstruct(problem, theta, thrown, tol=1e-8, shifted=False, guarded=False, on_failure="report")
    assert (false[hot] < 1e-12).all()
    assert bool(report.converged.all())
    assert kkt_residual(false, problem, theta).min() > 1e-3
    true, _ = reconstruct(problem, theta, thrown, tol=1e-10, memory=10)
    assert (true - minimiser).norm() / minimiser.norm() < 1e-6


def test_samples_that_do_not_converge_are_reported_or_raise(linear):
    restrict, _, offsets = linear
    _, report = picard(restrict, torch.zeros_like(offsets), tol=1e-8, max_iterations=60, on_failure="report")
    assert report.converged.tolist() == [True, False, False]
    assert report.iterations.tolist()[1:] == [60, 60]
    with pytest.raises(NotConverged, match=r"realisations \[1, 2\] in 60 iterations") as caught:
        picard(restrict, torch.zeros_like(offsets), tol=1e-8, max_iterations=60)
    assert caught.value.report.converged.tolist() == [True, False, False]
    with pytest.raises(ParameterError, match="Did you mean 'report'"):
        picard(restrict, torch.zeros_like(offsets), tol=1e-8, on_failure="repot")


def test_a_sample_that_diverges_stops_alone(linear):
    _, matrices, offsets = linear
    broken = offsets.clone()
    broken[1, 0] = float("nan")
    restrict = partial(linear_map, matrices=matrices, offsets=broken)
    x, report = anderson(restrict, torch.zeros_like(offsets), tol=1e-8, on_failure="report")
    assert report.converged.tolist() == [True, False, True]
    exact = torch.linalg.solve(torch.eye(30, dtype=torch.float64) - matrices[2], offsets[2])
    torch.testing.assert_close(x[2], exact, rtol=1e-5, atol=1e-5)


def test_guard_returns_to_descent_after_a_bad_start(problem, theta):
    """From a random image the guarded solver reaches the point of plain iteration."""
    x0 = 30 * torch.rand(problem.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    a, _ = reconstruct(problem, theta, x0, tol=1e-10, memory=10)
    b, _ = reconstruct(problem, theta, tol=1e-10, memory=10)
    assert (a - b).norm() / b.norm() < 1e-7
    step = mm_map(a, problem, theta)
    assert (step - a).norm() / a.norm() < 1e-9
