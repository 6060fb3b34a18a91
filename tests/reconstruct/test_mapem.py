import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from petrecon.errors import InputError
from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct import Quadratic, RelativeDifference, SmoothedTV, map_em, mlem
from petrecon.reconstruct.mapem import objective

PENALTIES = [Quadratic(2.0), RelativeDifference(20.0), SmoothedTV(10.0, epsilon=0.5)]


@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda p: type(p).__name__)
def test_objective_never_rises(model, counts, penalty):
    values = []
    map_em(counts, model, penalty, 60, callback=lambda k, x: values.append(objective(x, counts, model, penalty)))
    steps = torch.diff(torch.stack(values))
    assert (steps <= 1e-9 * values[0].abs()).all()
    assert values[-1] < values[0] - 1


@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda p: type(p).__name__)
def test_minimiser_equals_lbfgsb(model, counts, penalty):
    """The minimiser found by majorisation is the one a general bounded quasi-Newton method finds."""
    ours = map_em(counts, model, penalty, 1500)
    shape = model.linear.in_shape

    def value_and_gradient(flat):
        x = torch.from_numpy(flat.reshape(shape).copy())
        ybar = model(x)
        gradient = model.linear.adjoint(1 - counts / ybar) + penalty.gradient(x)
        return objective(x, counts, model, penalty).item(), gradient.numpy().ravel()

    start = mlem(counts, model, 5).numpy().ravel()
    options = {"maxiter": 3000, "maxfun": 5000, "maxcor": 30, "ftol": 1e-15, "gtol": 1e-8}
    theirs = minimize(
        value_and_gradient, start, jac=True, bounds=[(0, None)] * start.size, method="L-BFGS-B", options=options
    )
    found = torch.from_numpy(theirs.x.reshape(shape))
    assert (ours - found).norm() / found.norm() < 2e-3
    assert objective(ours, counts, model, penalty).item() <= theirs.fun * (1 - 1e-9 * np.sign(theirs.fun)) + 1e-2


def test_strength_zero_without_background_is_mlem(clean_model, clean_counts):
    a = map_em(clean_counts, clean_model, Quadratic(0.0), 6)
    assert torch.allclose(a, mlem(clean_counts, clean_model, 6), rtol=1e-9, atol=1e-12)


def test_batch_equals_loop_even_when_one_sample_needs_smaller_steps(model, counts):
    penalty = RelativeDifference(200.0)
    batch = torch.stack([counts, torch.zeros_like(counts)])
    together = map_em(batch, model, penalty, 8)
    for one, y in zip(together, batch, strict=True):
        assert torch.allclose(one, map_em(y, model, penalty, 8), rtol=1e-9, atol=1e-12)


def test_more_strength_is_smoother(model, counts):
    rough = [Quadratic(1.0).value(map_em(counts, model, Quadratic(s), 80)).item() for s in (0.1, 1.0, 10.0)]
    assert rough[0] > rough[1] > rough[2]


def test_a_dynamic_model_equals_its_frames_one_by_one(model, counts):
    """A scale and a background per frame: every frame is reconstructed as if it were alone."""
    scale = model.scale * torch.tensor([0.5, 2.0], dtype=torch.float64)
    background = torch.stack([model.background, 3 * model.background])
    parts = {"projector": model.projector, "resolution": model.resolution}
    dynamic = AcquisitionModel(**parts, scale=scale, background=background)
    y = torch.stack([counts, counts.flip(0)])
    together = map_em(y, dynamic, RelativeDifference(5.0), 6)
    for t in (0, 1):
        alone = AcquisitionModel(**parts, scale=float(scale[t]), background=background[t])
        assert torch.allclose(together[t], map_em(y[t], alone, RelativeDifference(5.0), 6), rtol=1e-9)


def test_a_penalty_for_another_number_of_dimensions_is_refused(model, counts):
    with pytest.raises(InputError, match="images of dims=3, the model's have 2"):
        map_em(counts, model, Quadratic(0.1, dims=3), 1)
