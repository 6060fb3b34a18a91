r"""One voxel, one number: the bilevel problem in a form that can be solved by hand.

.. math:: x^*(\eta) = \arg\min_{x>0}\; s x - y \log x + \tfrac\eta2 (x - m)^2

Its optimality condition :math:`\eta x^2 + (s - \eta m) x - y = 0` gives the minimiser; the map majorises the prior with
twice its curvature, as De Pierro's separation does, so that it needs iterations although the problem does not.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Toy(NamedTuple):
    """Counts y, sensitivity s, and the value m that the prior pulls to with strength η."""

    y: float = 20.0
    s: float = 1.0
    m: float = 5.0
    eta: float = 1.0


def toy_map(x: float, toy: Toy) -> float:
    r"""Return one step: the positive root of :math:`2\eta v^2 + (s + \eta(x - m) - 2\eta x) v - y = 0`."""
    d, p = 2 * toy.eta, toy.s + toy.eta * (x - toy.m) - 2 * toy.eta * x
    root = math.sqrt(p * p + 4 * d * toy.y)
    return 2 * toy.y / (p + root) if p >= 0 else (root - p) / (2 * d)


def toy_minimiser(toy: Toy) -> float:
    """Return x*, in closed form."""
    p = toy.s - toy.eta * toy.m
    root = math.sqrt(p * p + 4 * toy.eta * toy.y)
    return 2 * toy.y / (p + root) if p >= 0 else (root - p) / (2 * toy.eta)


def toy_jacobian(x: float, toy: Toy) -> float:
    r"""Return :math:`J = \partial f/\partial x = 1 - H/H_Q` at a fixed point: curvatures of objective, surrogate."""
    data = toy.y / x**2
    return 1 - (toy.eta + data) / (2 * toy.eta + data)


def toy_derivative(x: float, toy: Toy) -> float:
    r"""Return :math:`dx^*/d\log\eta = -\eta (x - m) / (\eta + y/x^2)`: the implicit function theorem at x."""
    return -toy.eta * (x - toy.m) / (toy.eta + toy.y / x**2)
