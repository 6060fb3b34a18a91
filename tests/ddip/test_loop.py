"""The whole reconstruction: reproducible, counted, its variants by argument, and its refusals."""

from dataclasses import replace

import pytest
import torch

from petrecon.ddip import DDIPSettings, ddip, measurement
from petrecon.errors import InputError, ParameterError, PetreconError
from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct import mlem, poisson_nll

from .conftest import small_network

QUICK = DDIPSettings(steps=4, em_iterations=2)
FROZEN = replace(QUICK, adapt="none")
UNCONDITIONAL = replace(FROZEN, data="none", warm_start=0, start=1000)
BASE = replace(QUICK, steps=3, learning_rate=2e-3)


@pytest.fixture(scope="module")
def plain(counts, model, mr, network, schedule):
    return ddip(counts[0], model, mr, network, schedule, BASE, scale=10.0).image


class Oracle(torch.nn.Module):
    """Knows the clean image, so its ε is exact; remembers what it was shown."""

    def __init__(self, clean, schedule):
        super().__init__()
        self.clean, self.schedule, self.seen = clean, schedule, []

    def forward(self, x_t, t, mr):
        self.seen.append((x_t.clone(), int(t[0]), mr))
        signal, sigma = self.schedule.signal_and_noise(t, x_t)
        return (x_t - signal * self.clean) / sigma


class Broken(torch.nn.Module):
    """Raises in its fourth call, or returns NaN at low noise levels."""

    def __init__(self, network, error=None):
        super().__init__()
        self.inner, self.error, self.calls = network, error, 0

    def forward(self, x_t, t, mr):
        self.calls += 1
        if self.error and self.calls == 4:
            raise self.error
        return self.inner(x_t, t, mr) * torch.where(t < 60, 1.0 if self.error else torch.nan, 1.0)[:, None, None, None]


def test_the_same_seed_gives_the_same_image(counts, model, mr, network, schedule):
    one, again = (ddip(counts[0], model, mr, network, schedule, QUICK, 3) for _ in range(2))
    assert torch.equal(one.image, again.image)
    other = ddip(counts[0], model, mr, network, schedule, QUICK, 4)
    assert not torch.allclose(one.image, other.image, rtol=1e-3)


@pytest.mark.parametrize("settings", [QUICK, FROZEN], ids=["adapted", "frozen"])
def test_a_slice_is_the_same_in_a_batch(counts, model, mr, network, schedule, settings):
    alone = ddip(counts[0], model, mr, network, schedule, settings, 3, scale=10.0)
    together = ddip(counts, model, mr, network, schedule, settings, 3, scale=10.0)
    assert together.image.shape == (2, *model.image_shape)
    assert torch.allclose(together.image[0], alone.image, rtol=1e-2, atol=2e-2)
    assert not torch.allclose(together.image[1], alone.image, rtol=1e-2, atol=2e-2)
    assert torch.allclose(together.history[0].nll[:1], alone.history[0].nll, rtol=1e-6)


def test_with_the_true_score_it_returns_the_clean_image(counts, model, mr, truth, schedule):
    oracle = Oracle(truth[None, None] / 10, schedule)
    result = ddip(counts[0], model, mr, oracle, schedule, UNCONDITIONAL, scale=torch.tensor(10.0))
    assert torch.allclose(result.image, truth, atol=1e-3)
    assert [t for _, t, _ in oracle.seen] == [999, 666, 333, 0]


def test_every_image_shown_has_the_noise_of_its_level(counts, model, mr, truth, schedule):
    """Warm start and later steps: mean square of x_t - √ᾱ x̂_0 is 1 - ᾱ (the released code is off by one)."""
    y = counts[:1].expand(40, -1, -1)
    warm = mlem(counts[0], model, 20) / 10
    oracle = Oracle(warm[None, None].clamp(0, 1), schedule)
    ddip(y, model, mr, oracle, schedule, replace(FROZEN, start=120, steps=6), scale=10.0)
    for x_t, t, _ in oracle.seen:
        signal, sigma = schedule.signal_and_noise(t, x_t)
        spread = (x_t - signal * (warm if t == 119 else oracle.clean)).square().mean().sqrt()
        assert spread.item() == pytest.approx(sigma.item(), rel=0.02)


@pytest.mark.parametrize(
    ("settings", "nfe", "backwards", "em"),
    [
        (QUICK, 12, 8, 16 + 20),
        (replace(QUICK, data="poisson"), 12, 8, 20),
        (replace(FROZEN, consistency_em=3, warm_start=0), 4, 0, 12),
    ],
    ids=["hqs", "poisson", "frozen"],
)
def test_it_costs_what_it_says(counts, model, mr, network, schedule, monkeypatch, settings, nfe, backwards, em):
    """Forward passes and EM iterations, counted where they happen."""
    passes, iterations = [], [settings.warm_start]
    real = measurement.penalised_em

    def counted_em(*args, **options):
        iterations.append(options["iterations"])
        return real(*args, **options)

    monkeypatch.setattr(measurement, "penalised_em", counted_em)
    handle = network.register_forward_hook(lambda *_: passes.append(1))
    result = ddip(counts[0], model, mr, network, schedule, settings)
    handle.remove()
    assert (result.nfe, result.backwards, result.em_iterations) == (nfe, backwards, em)
    assert (len(passes), sum(iterations)) == (nfe, em)
    assert set(result.seconds) >= {"network", "em", "sampling"}


def test_em_on_the_clean_image_of_a_frozen_prior_raises_the_likelihood(counts, model, mr, network, schedule):
    plain = ddip(counts, model, mr, network, schedule, FROZEN)
    consistent = ddip(counts, model, mr, network, schedule, replace(FROZEN, consistency_em=8))
    assert (consistent.history[-1].nll < plain.history[-1].nll).all()
    assert torch.allclose(poisson_nll(counts, model(consistent.image), 2), consistent.history[-1].nll, rtol=1e-6)


@pytest.mark.parametrize(
    "change",
    [{"adapt": "full"}, {"adapt": "biases"}, {"data": "poisson"}, {"use_mr": False}, {"warm_start": 0}, {"eta": 0.1},
     {"targets": "time"}, {"rank": 2}, {"beta_over_s": 5.0}, {"reset_optimiser": False}, {"ceiling": 0.3}],
)  # fmt: skip
def test_every_setting_changes_the_image(counts, model, mr, network, schedule, plain, change):
    other = ddip(counts[0], model, mr, network, schedule, replace(BASE, **change), scale=10.0).image
    assert (plain - other).norm() > 1e-4 * plain.norm()


def test_without_mr_the_network_sees_zeros_and_needs_none(counts, model, mr, truth, schedule):
    oracle = Oracle(truth[None, None] / 10, schedule)
    ddip(counts[0], model, None, oracle, schedule, replace(FROZEN, use_mr=False))
    assert not any(z.any() for *_, z in oracle.seen)
    ddip(counts[0], model, mr, oracle, schedule, FROZEN)
    assert torch.equal(oracle.seen[-1][2][0, 0], mr)


def test_the_callback_sees_every_clean_image(counts, model, mr, network, schedule):
    seen = {}
    result = ddip(counts, model, mr, network, schedule, QUICK, callback=seen.__setitem__)
    assert list(seen) == [1, 2, 3, 4]
    assert torch.equal(seen[4], result.image)


def test_slices_may_have_their_own_attenuation_background_and_scale(counts, model, mr, network, schedule):
    scale, background = model.scale * torch.tensor([1.0, 0.5]), torch.stack([model.background, 0.5 * model.background])
    parts = {"projector": model.projector, "resolution": model.resolution, "attenuation": model.attenuation}
    both = AcquisitionModel(**parts, scale=scale, background=background)
    y = torch.stack([counts[0], 0.5 * counts[0]])
    together = ddip(y, both, mr, network, schedule, QUICK)
    alone = ddip(counts[0], model, mr, network, schedule, QUICK)
    assert torch.allclose(together.image[0], alone.image, rtol=1e-2, atol=2e-2)
    assert torch.allclose(together.scale[0], together.scale[1], rtol=1e-4)


def test_a_network_of_three_slices_reconstructs_stacks(counts, model, mr, schedule):
    network = small_network(slices=3)
    y = torch.stack([counts[0], counts[1], counts[0]])
    stack = ddip(y, model, mr, network, schedule, QUICK)
    assert stack.image.shape == (3, *model.image_shape)
    assert stack.scale.unique().numel() == 1
    assert stack.history[0].nll.shape == (1,)
    two = ddip(torch.stack([y, y.flip(0)]), model, mr, network, schedule, QUICK)
    assert torch.allclose(two.image[0], stack.image, rtol=1e-2, atol=2e-2)
    with pytest.raises(InputError, match="3 adjacent slices"):
        ddip(counts, model, mr, network, schedule, QUICK)


@pytest.mark.parametrize("adapt", ["lora", "full"])
def test_the_network_is_restored_even_after_an_exception(counts, model, mr, network, schedule, adapt):
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with pytest.raises(PetreconError, match=r"t = 0 "):
        ddip(counts[0], model, mr, Broken(network), schedule, replace(QUICK, adapt=adapt))
    with pytest.raises(ZeroDivisionError):
        ddip(counts[0], model, mr, Broken(network, ZeroDivisionError()), schedule, replace(QUICK, adapt=adapt))
    assert network.state_dict().keys() == before.keys()
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_nan_in_a_frozen_network_is_named_with_its_level(counts, model, mr, network, schedule):
    with pytest.raises(PetreconError, match="sampling diverged at noise level t = 0 "):
        ddip(counts[0], model, mr, Broken(network), schedule, FROZEN)


def test_out_of_memory_names_the_cure(counts, model, mr, network, schedule):
    broken = Broken(network, torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(PetreconError, match="2 slices at once: reconstruct fewer"):
        ddip(counts, model, mr, broken, schedule, QUICK)


def test_bad_data_are_refused_before_the_network_is_called(counts, model, mr, truth, schedule):
    oracle = Oracle(truth[None, None], schedule)

    def refused(match, y=counts[0], mr=mr, settings=FROZEN, error=InputError, **options):
        with pytest.raises(error, match=match):
            ddip(y, model, mr, oracle, schedule, settings, **options)

    refused("MR is missing", mr=None)
    refused("the MR has shape", mr=mr[1:])
    refused("MR holds values that are not finite", mr=mr / 0)
    refused("sinogram 1 holds no counts", y=torch.stack([counts[0], 0 * counts[0]]))
    refused("not finite", y=counts[0] * torch.nan)
    refused("shape", y=counts[0, 1:])
    refused("scale must be finite", scale=0.0)
    refused("the scale has shape", y=counts, scale=torch.ones(3))
    refused("start is 1001", settings=replace(FROZEN, start=1001), error=ParameterError)
    refused("seed", seed=-1, error=ParameterError)
    oracle.spec = type("Spec", (), {"slices": 1, "divisor": 32})
    refused("divisible by 32")
    assert not oracle.seen


@pytest.mark.parametrize(
    ("change", "named"),
    [({"start": 0}, "start"), ({"steps": 201}, "steps is 201"), ({"steps": 0}, "steps"), ({"adapt": "lroa"}, "'lora'"),
     ({"data": "hsq"}, "'hqs'"), ({"data": "none"}, "nothing to adapt to"), ({"eta": 1.1}, "eta"),
     ({"beta_over_s": -1.0}, "beta_over_s"), ({"learning_rate": float("nan")}, "learning_rate"),
     ({"fine_tunings": 0}, "fine_tunings"), ({"clip": 0.0}, "clip"), ({"warm_start": -1}, "warm_start")],
)  # fmt: skip
def test_settings_out_of_range_are_refused_by_name(change, named):
    with pytest.raises(ParameterError, match=named):
        DDIPSettings(**change)
