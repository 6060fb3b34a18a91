"""A callback sees every iterate and may end the algorithm."""

from __future__ import annotations

import pytest
import torch

from petrecon.reconstruct import Quadratic, map_em, mlem, osem

ALGORITHMS = {
    "mlem": lambda y, model, n, **o: mlem(y, model, n, **o),
    "osem": lambda y, model, n, **o: osem(y, model, n, 2, **o),
    "map_em": lambda y, model, n, **o: map_em(y, model, Quadratic(0.1), n, **o),
}


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("progress", [False, True])
def test_an_algorithm_ends_with_the_iteration_at_which_its_callback_returns_true(model, counts, name, progress):
    """Three of ten iterations are made, and the image is that of three; None and False go on."""
    algorithm, seen = ALGORITHMS[name], []

    def watch(k, x):
        seen.append((k, x))
        return None if k == 1 else k == 3

    image = algorithm(counts, model, 10, callback=watch, progress=progress)
    assert [k for k, _ in seen] == [1, 2, 3]
    assert torch.equal(image, seen[-1][1])
    assert torch.equal(image, algorithm(counts, model, 3))
