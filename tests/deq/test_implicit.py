"""Implicit gradients against central differences of re-solved problems."""

import pytest
import torch

from petrecon.deq import (
    Hyperparameters,
    NotConverged,
    hypergradient,
    jacobian_free_gradient,
    reconstruct,
    solve,
    truncated_gradient,
    unrolled_gradient,
)
from petrecon.deq import gradient as objective_gradient
from petrecon.deq.hessian import hessian_product, majoriser_diagonal
from petrecon.deq.implicit import transposed_jacobian
from petrecon.errors import ParameterError


def flat(theta):
    return torch.cat([p.reshape(-1) for p in theta])


def unflat(vector):
    return Hyperparameters(vector[0], vector[1:-1], vector[-1])


@pytest.fixture(scope="module")
def solved(problem, theta):
    """Two realisations, their minimisers and the gradient of the squared error."""
    two = problem.select([0, 1])
    x, _ = reconstruct(two, theta, tol=1e-12, memory=10)
    return two, x, 2 * (x - two.truth)


@pytest.fixture(scope="module")
def differences(solved, theta):
    """Central differences of the squared error with respect to every logarithm."""
    two, x, _ = solved
    h, found = 1e-3, []
    for i in range(theta.frames + 2):
        values = []
        for sign in (1, -1):
            moved = flat(theta).clone()
            moved[i] += sign * h
            y, _ = reconstruct(two, unflat(moved), x, tol=1e-11, memory=10)
            values.append(float((y - two.truth).square().sum()))
        found.append((values[0] - values[1]) / (2 * h))
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize(("adjoint", "tol"), [("cg", 1e-10), ("anderson", 1e-12)])
def test_gradient_equals_central_differences(solved, theta, differences, adjoint, tol):
    """Of η, every λ_t and ε, to 1e-4 each."""
    two, x, u = solved
    gradient, _, report = hypergradient(two, theta, x, u, adjoint=adjoint, tol=tol, max_iterations=3000)
    assert bool(report.converged.all())
    error = (flat(gradient) - differences).abs() / differences.abs()
    assert (error <= 1e-4).all(), error.tolist()


def test_solve_backpropagates_the_implicit_gradient(solved, theta, differences):
    two, _, _ = solved
    logs = flat(theta).clone().requires_grad_()
    loss = (solve(two, unflat(logs), tol=1e-12, adjoint_tol=1e-10) - two.truth).square().sum()
    loss.backward()
    error = (logs.grad - differences).abs() / differences.abs()
    assert (error <= 1e-4).all()


def test_hessian_product_is_the_derivative_of_the_gradient(solved, theta):
    two, x, _ = solved
    x = x + 0.5
    v = torch.randn(two.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    w = torch.randn(two.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    product = hessian_product(x, two, theta)
    h = 1e-5
    numeric = (objective_gradient(x + h * v, two, theta) - objective_gradient(x - h * v, two, theta)) / (2 * h)
    assert (product(v) - numeric).norm() / numeric.norm() < 1e-6
    torch.testing.assert_close((w * product(v)).sum(), (v * product(w)).sum(), rtol=1e-11, atol=0)


def test_jacobian_is_one_minus_preconditioned_hessian(solved, theta):
    """J = I - H_Q⁻¹ H on the free voxels, zero elsewhere: what ties the two adjoints together."""
    two, x, _ = solved
    v = torch.randn(two.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    free = x > 0
    scaled = torch.where(free, v / majoriser_diagonal(x, two, theta), 0.0)
    expected = torch.where(free, v, 0.0) - hessian_product(x, two, theta)(scaled)
    found = transposed_jacobian(x, two, theta)(v)
    assert (found - expected)[free].norm() / expected[free].norm() < 1e-8
    assert (majoriser_diagonal(x, two, theta)[free] > 0).all()


def test_batch_gradient_is_the_sum_of_single_ones(solved, theta):
    two, x, u = solved
    whole, v, _ = hypergradient(two, theta, x, u, tol=1e-10)
    parts = [hypergradient(two.select([b]), theta, x[b : b + 1], u[b : b + 1], tol=1e-10) for b in range(2)]
    torch.testing.assert_close(flat(whole), sum(flat(p[0]) for p in parts), rtol=1e-8, atol=0)
    for b in range(2):
        assert (v[b] - parts[b][1][0]).norm() / v[b].norm() < 1e-8


def test_warm_start_of_the_adjoint_saves_products(solved, theta):
    two, x, u = solved
    _, v, cold = hypergradient(two, theta, x, u, tol=1e-6)
    _, _, warm = hypergradient(two, theta, x, 1.01 * u, v, tol=1e-6)
    assert warm.evaluations < 0.8 * cold.evaluations


def test_truncated_gradients_approach_the_exact_one_from_below(solved, theta, differences):
    two, x, u = solved
    norms = [float(flat(truncated_gradient(two, theta, x, u, k)).norm()) for k in (10, 100, 1000)]
    exact = float(differences.norm())
    free = float(flat(jacobian_free_gradient(two, theta, x, u)).norm())
    assert free < 0.2 * exact
    assert norms[0] < norms[1] < norms[2]
    assert abs(norms[2] - exact) < 0.1 * exact


def test_unrolled_gradient_is_that_of_the_iterate(problem, theta):
    """Exact for the k-th iterate, by central differences; far from that of the minimiser for small k."""
    one = problem.select([0])

    def loss(x):
        return (x - one.truth).square().sum()

    gradient, _ = unrolled_gradient(one, theta, loss, 20)
    h = 1e-5
    for i in (0, 2, 5):
        values = []
        for sign in (1, -1):
            moved = flat(theta).clone()
            moved[i] += sign * h
            values.append(float(loss(unrolled_gradient(one, unflat(moved), loss, 20)[1])))
        difference = (values[0] - values[1]) / (2 * h)
        assert float(flat(gradient)[i]) == pytest.approx(difference, rel=1e-5)


def test_unconverged_adjoints_raise_and_unknown_ones_are_named(solved, theta):
    two, x, u = solved
    for adjoint in ("cg", "anderson"):
        with pytest.raises(NotConverged, match=r"adjoint .* did not converge for realisations \[0, 1\]"):
            hypergradient(two, theta, x, u, adjoint=adjoint, tol=1e-10, max_iterations=3)
    with pytest.raises(ParameterError, match="Did you mean 'cg'"):
        hypergradient(two, theta, x, u, adjoint="gc")
    logs = flat(theta).clone().requires_grad_()
    with pytest.raises(NotConverged, match="the reconstruction did not converge"):
        solve(two, unflat(logs), tol=1e-12, max_iterations=5)
