"""A gradient is judged against central differences: size, direction and signs."""

import numpy as np
import pytest

from petrecon.deq import hyperparameters
from petrecon.studies.deq_gradients import flat, gradient_errors, moved


def test_one_logarithm_is_moved_and_no_other():
    theta = hyperparameters(0.2, 0.01, 0.1, frames=3)
    by = flat(moved(theta, 2, 0.5)) - flat(theta)
    np.testing.assert_allclose(by, [0, 0, 0.5, 0, 0], atol=1e-6)


def test_half_a_gradient_points_the_right_way_and_a_turned_one_has_wrong_signs():
    numeric = np.array([3.0, 4.0])
    table = gradient_errors({"half": (numeric / 2, "1"), "turned": (-numeric, "2")}, numeric).set_index("gradient")
    assert table.loc["half", "relative error"] == pytest.approx(0.5)
    assert table.loc["half", "cosine"] == pytest.approx(1)
    assert table.loc["turned", "wrong signs"] == 2
    assert table.loc["turned", "norm / true norm"] == pytest.approx(1)
