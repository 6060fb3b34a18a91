"""Block (a): both losses bring the network's clean image to the counts; divergence is named."""

import pytest
import torch

from petrecon.ddip import DDIPSettings, SliceAdapter
from petrecon.ddip.adapt import adapt
from petrecon.ddip.measurement import Measurement
from petrecon.ddip.stopwatch import Stopwatch
from petrecon.errors import PetreconError

LEVEL = 60


@pytest.fixture(scope="module")
def measured(model, counts):
    return Measurement(counts, model, torch.full((2, 1, 1), 10.0), 1)


@pytest.fixture(scope="module")
def inputs(measured, truth, mr, schedule):
    x0 = measured.to_network(truth.expand(2, -1, -1) / 10)
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0))
    return schedule.noisy(x0, LEVEL, noise), measured.to_network(mr.expand(2, -1, -1))


def _run(adapter, inputs, schedule, measured):
    return adapt(adapter, inputs[0], LEVEL, inputs[1], schedule, measured, Stopwatch(torch.device("cpu")))


@pytest.mark.parametrize("data", ["hqs", "poisson"])
def test_it_raises_the_likelihood_of_the_clean_image(network, inputs, schedule, measured, data):
    adapter = SliceAdapter(
        network, DDIPSettings(data=data, fine_tunings=40, em_iterations=20, learning_rate=5e-3), 2, 0
    )

    def nll():
        with torch.no_grad():
            clean = schedule.clean(inputs[0], adapter.predict(inputs[0], LEVEL, inputs[1]), LEVEL)
            return measured.nll(clean.clamp(0, 1))

    before = nll()
    _run(adapter, inputs, schedule, measured)
    best = measured.nll(measured.em(*(torch.ones_like(inputs[0]),) * 2, 0.0, 100))
    assert (before - nll() > 0.5 * (before - best)).all()


def test_the_loss_is_the_distance_to_the_penalised_em_image(network, inputs, schedule, measured):
    settings = DDIPSettings(fine_tunings=1, em_iterations=3, beta_over_s=0.4)
    loss = _run(SliceAdapter(network, settings, 2, 0), inputs, schedule, measured)
    with torch.no_grad():
        m = schedule.clean(inputs[0], network(inputs[0], torch.full((2,), LEVEL), inputs[1]), LEVEL)
        target = measured.em(m.clamp_min(0), m.clamp_min(0), 0.4, 3)
    assert torch.allclose(loss, (m - target).square().mean((1, 2, 3)), rtol=1e-4)


def test_the_gradient_passes_through_the_projector(measured):
    """d nll / d image against central differences."""
    draw = torch.Generator().manual_seed(5)
    x = torch.rand(2, 1, 24, 24, generator=draw, dtype=torch.float64).requires_grad_()
    along = torch.randn(x.shape, generator=draw, dtype=torch.float64)
    double = Measurement(measured.y.double(), measured.model.to(torch.float64), measured.scale.double(), 1)
    torch.set_num_threads(1)
    (gradient,) = torch.autograd.grad(double.nll(x).sum(), x)
    with torch.no_grad():
        numeric = (double.nll(x + 1e-6 * along) - double.nll(x - 1e-6 * along)).sum() / 2e-6
    assert float((gradient * along).sum()) == pytest.approx(float(numeric), rel=1e-5)


@pytest.mark.parametrize("data", ["hqs", "poisson"])
def test_a_loss_that_is_not_finite_stops_and_names_the_level(network, inputs, schedule, measured, data):
    adapter = SliceAdapter(network, DDIPSettings(data=data), 2, 0)
    with torch.no_grad():
        adapter.theta[1, 0] = torch.nan
    with pytest.raises(PetreconError, match=rf"t = {LEVEL} .*learning_rate"):
        _run(adapter, inputs, schedule, measured)
