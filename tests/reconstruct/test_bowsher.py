"""Bowsher's penalty: a true objective, guided by MR and blind to its unit."""

import pytest
import torch

from petrecon.errors import InputError, ParameterError
from petrecon.reconstruct import Bowsher, Quadratic, map_em
from petrecon.reconstruct.mapem import objective

SHAPES = {2: (7, 6), 3: (5, 4, 6)}


def _draw(dims, seed=0):
    return 5 * torch.rand(SHAPES[dims], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("dims", "radius", "neighbours"), [(2, 1, 3), (2, 2, 7), (3, 1, 9)])
def test_gradient_is_that_of_the_value_and_the_quadratic_majorises(dims, radius, neighbours):
    penalty, x = Bowsher(0.7, _draw(dims, 99), neighbours, radius), _draw(dims)
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(penalty.value(leaf), leaf)
    assert torch.allclose(penalty.gradient(x), expected, rtol=1e-10)
    unit = torch.eye(x.numel(), dtype=torch.float64).reshape(-1, *x.shape)
    hessian = penalty.gradient(unit).reshape(x.numel(), -1)  # linear, so its columns
    d = penalty.curvature(x).flatten()
    assert torch.linalg.eigvalsh(torch.diag(d) - hessian).min() >= -1e-10
    assert torch.allclose(d, 2 * hessian.diagonal())  # De Pierro's: no looser than that


def test_with_all_neighbours_the_mr_does_not_matter():
    """B = all: the plain quadratic penalty with its full neighbourhood."""
    x, plain = _draw(2), Quadratic(0.4, full_neighbourhood=True)
    for seed in (1, 2):
        guided = Bowsher(0.4, _draw(2, seed), neighbours=8, radius=1)
        assert guided.value(x).item() == pytest.approx(plain.value(x).item())
        assert torch.allclose(guided.gradient(x), plain.gradient(x))


def test_weights_join_the_most_similar_neighbours_only():
    """On a row 0 0 5 5 with one neighbour each, no pair crosses the edge; and a PET step there costs nothing."""
    mr = torch.tensor([0.0, 0.1, 5.0, 5.1], dtype=torch.float64)
    step = torch.tensor([1.0, 1.0, 9.0, 9.0], dtype=torch.float64)
    penalty = Bowsher(1.0, mr, neighbours=1, radius=1)
    assert penalty.value(step).item() == 0.0
    assert penalty.value(torch.tensor([0.0, 2.0, 0.0, 0.0]).double()).item() == pytest.approx(0.5 * 2.0**2)
    assert Bowsher(1.0, torch.tensor([0.0, 4.0, 5.0, 9.0]), neighbours=1, radius=1).value(step).item() == pytest.approx(
        0.5 * 64
    )


def test_half_the_weight_where_only_one_side_chose_the_other():
    """0, 1, 5: the last chooses the middle, which chooses the first: that pair weighs one half."""
    penalty = Bowsher(1.0, torch.tensor([0.0, 1.0, 5.0]), neighbours=1, radius=1)
    assert penalty.value(torch.tensor([0.0, 0.0, 2.0])).item() == pytest.approx(0.5 * 0.5 * 2.0**2)


def test_the_unit_and_sign_of_the_mr_do_not_matter():
    x, mr = _draw(2), _draw(2, 5)
    assert Bowsher(1.0, mr).value(x) == pytest.approx(Bowsher(1.0, 3.0 - 100.0 * mr).value(x))


def test_map_em_lowers_the_objective_and_a_true_mr_helps(model, counts, image):
    """With the object's own edges as MR the error is smaller than with the plain penalty, at the same strength."""
    mr = torch.where(image > 8, 2.0, (image > 0).double())
    penalty, values = Bowsher(1.0, mr), []
    guided = map_em(
        counts, model, penalty, 60, callback=lambda k, x: values.append(objective(x, counts, model, penalty))
    )
    assert (torch.diff(torch.stack(values)) <= 1e-9 * values[0].abs()).all()
    plain = [map_em(counts, model, Quadratic(s, full_neighbourhood=True), 60) for s in (0.1, 0.3, 1.0, 3.0)]
    assert (guided - image).norm() < 0.95 * min((p - image).norm() for p in plain)


def test_batch_equals_loop():
    penalty, x = Bowsher(0.3, _draw(2, 9)), torch.stack([_draw(2, s) for s in range(3)])
    assert torch.allclose(penalty.value(x), torch.stack([penalty.value(one) for one in x]))
    assert torch.allclose(penalty.gradient(x), torch.stack([penalty.gradient(one) for one in x]))


def test_bad_values_are_refused_by_name():
    mr = _draw(2)
    for strength in (-1.0, float("nan"), "a"):
        with pytest.raises(ParameterError, match="strength"):
            Bowsher(strength, mr)
    for options in ({"neighbours": 25}, {"neighbours": 0}, {"radius": 0}):
        with pytest.raises(ParameterError, match="neighbours is"):
            Bowsher(1.0, mr, **options)
    with pytest.raises(InputError, match="MR"):
        Bowsher(1.0, mr / 0)
