"""The toy's closed forms agree with its iteration and with differences."""

import math

import pytest

from petrecon.deq import Toy, toy_derivative, toy_jacobian, toy_map, toy_minimiser

TOYS = [Toy(), Toy(y=3.0, s=0.5, m=20.0, eta=0.2), Toy(y=50.0, s=2.0, m=0.0, eta=5.0)]


@pytest.mark.parametrize("toy", TOYS)
def test_iteration_reaches_the_closed_form_at_the_rate_of_the_jacobian(toy):
    exact = toy_minimiser(toy)
    assert toy.s - toy.y / exact + toy.eta * (exact - toy.m) == pytest.approx(0, abs=1e-9)
    assert toy_map(exact, toy) == pytest.approx(exact, rel=1e-12)
    moved = (toy_map(exact + 1e-6, toy) - toy_map(exact - 1e-6, toy)) / 2e-6
    assert moved == pytest.approx(toy_jacobian(exact, toy), rel=1e-6)
    assert 0 <= toy_jacobian(exact, toy) < 1


@pytest.mark.parametrize("toy", TOYS)
def test_implicit_derivative_is_that_of_the_closed_form(toy):
    h = 1e-5
    ahead, behind = (toy_minimiser(toy._replace(eta=toy.eta * math.exp(s * h))) for s in (1, -1))
    assert toy_derivative(toy_minimiser(toy), toy) == pytest.approx((ahead - behind) / (2 * h), rel=1e-7)
