"""Training lowers the loss, changes only what it may, repeats by seed and survives an interruption."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from petrecon.errors import InputError, ParameterError, PetreconError
from petrecon.petite import fit_network as training_module
from petrecon.petite.evaluate import mean_scores, score_volumes
from petrecon.petite.fit_network import fit
from petrecon.petite.infer import predict
from petrecon.petite.scaling import scaled
from petrecon.petite.settings import Settings
from petrecon.petite.states import restore_state

SETTINGS = Settings(steps=12, volumes=2, crops=2, patch=(32, 32, 16), learning_rate=2e-2, validate_every=4, seed=3)


class Denoiser(nn.Module):
    """Three layers, of which the middle one has running statistics and dropout."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv3d(1, 4, 3, padding=1)
        self.middle = nn.Sequential(nn.BatchNorm3d(4), nn.Dropout(0.1), nn.LeakyReLU(0.1))
        self.last = nn.Conv3d(4, 1, 3, padding=1)

    def forward(self, x):
        return x + self.last(self.middle(self.first(x)))


class Judge(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv3d(2, 4, 3, 4), nn.LeakyReLU(0.1), nn.Conv3d(4, 1, 3, 2))
        self.modes = []

    def forward(self, pair):
        self.modes.append(self.training)
        return self.layers(pair)


def made(kind, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return kind()


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def quick_prediction(monkeypatch):
    """Whole volumes at once: the sliding window has its own tests and a slow import."""
    monkeypatch.setattr(training_module, "predict", whole)


@torch.no_grad()
def whole(network, short, patch, *, pad=False):
    network.eval()
    return network(short[:, None])[:, 0]


def test_training_denoises(drawn):
    network = made(Denoiser)
    training, validation = drawn.select([0, 1]), drawn.select([2])
    raw = mean_scores(score_volumes(scaled(validation)[0], validation))
    result = fit(network, training, replace(SETTINGS, steps=40), validation=validation)
    assert result.final["psnr"] > raw["psnr"] + 1
    assert result.best["psnr"] == max(v["psnr"] for v in result.validations) >= result.final["psnr"]
    assert [v["step"] for v in result.validations] == list(range(4, 41, 4))
    assert len(result.history) == 40
    assert result.trained == sum(p.numel() for p in network.parameters())
    scores = mean_scores(score_volumes(whole(network, scaled(validation)[0], None), validation))
    assert scores["psnr"] == pytest.approx(result.final["psnr"])
    assert torch.equal(result.predicted, whole(network, scaled(validation)[0], None))
    assert mean_scores(result.scores) == {k: v for k, v in result.final.items() if k != "step"}
    restore_state(network, result.best_state)
    scores = mean_scores(score_volumes(whole(network, scaled(validation)[0], None), validation))
    assert scores["psnr"] == pytest.approx(result.best["psnr"])


def test_only_parameters_that_require_a_gradient_change(drawn):
    network = made(Denoiser)
    network.first.requires_grad_(False)
    before = {k: v.clone() for k, v in network.named_parameters()}
    result = fit(network, drawn, SETTINGS, validation=drawn)
    changed = {k for k, v in network.named_parameters() if not torch.equal(v, before[k])}
    assert changed == {"middle.0.weight", "middle.0.bias", "last.weight", "last.bias"}
    assert result.trained == 8 + 109
    assert network.first.weight.grad is None
    assert set(result.best_state) == changed | {k for k, _ in network.named_buffers()}


def test_the_best_weights_are_kept_beside_the_last(drawn, monkeypatch):
    """Predictions spoilt from the second validation on: the best is that of a training which ends at the first."""
    settings = replace(SETTINGS, steps=8, schedule="constant")
    short = made(Denoiser)
    expected = fit(short, drawn, replace(settings, steps=4), validation=drawn)
    calls = []

    def spoilt(*args, **words):
        calls.append(1)
        return whole(*args, **words) + (len(calls) - 1)

    monkeypatch.setattr(training_module, "predict", spoilt)
    result = fit(made(Denoiser), drawn, settings, validation=drawn)
    assert result.best == expected.final
    assert result.final["psnr"] < result.best["psnr"]
    assert all(torch.equal(v, short.state_dict()[k]) for k, v in result.best_state.items())


def test_a_network_without_trained_parameters_is_only_scored(drawn):
    network = made(Denoiser).requires_grad_(False)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    result = fit(network, drawn, SETTINGS, validation=drawn)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert (result.trained, result.history, result.seconds) == (0, [], 0.0)
    expected = mean_scores(score_volumes(whole(network, scaled(drawn)[0], None), drawn))
    assert result.final == {"step": 0, **expected}


def test_the_seed_decides_and_the_global_state_is_left_alone(drawn):
    def weights(seed):
        network = made(Denoiser)
        fit(network, drawn, replace(SETTINGS, steps=5, seed=seed))
        return torch.cat([p.detach().flatten() for p in network.parameters()])

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one = weights(1)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(weights(1), one)
    assert not torch.equal(weights(2), one)


@pytest.mark.parametrize("objective", ["mse", "adversarial"])
def test_resumed_training_equals_an_uninterrupted_one(drawn, tmp_path, monkeypatch, objective):
    settings, path = replace(SETTINGS, objective=objective), tmp_path / "run" / "petite.pt"
    judges = [made(Judge, 1) for _ in range(2)] if objective == "adversarial" else [None, None]
    straight = made(Denoiser)
    uninterrupted = fit(straight, drawn, settings, discriminator=judges[0], validation=drawn)
    original, calls = training_module.make_step, []

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(training_module, "make_step", interrupted)
    options = {"validation": drawn, "checkpoint": path}
    with pytest.raises(KeyboardInterrupt):
        fit(made(Denoiser), drawn, settings, discriminator=judges[1] and made(Judge, 1), **options)
    network = made(Denoiser)
    resumed = fit(network, drawn, settings, discriminator=judges[1], **options)
    assert len(calls) == 7 + 8  # four steps are in the checkpoint
    assert resumed.history == uninterrupted.history
    assert resumed.validations == uninterrupted.validations
    for key, value in straight.state_dict().items():
        assert torch.equal(network.state_dict()[key], value), key
    if judges[0] is not None:
        assert all(torch.equal(a, b) for a, b in zip(judges[0].parameters(), judges[1].parameters(), strict=True))
    assert [p.name for p in path.parent.iterdir()] == ["petite.pt"]
    with pytest.raises(InputError, match="settings differ"):
        fit(made(Denoiser), drawn, replace(settings, seed=4), discriminator=judges[1] and made(Judge, 1), **options)
    with pytest.raises(InputError, match=r"start differ"):
        fit(made(Denoiser, 9), drawn, settings, discriminator=judges[1] and made(Judge, 1), **options)


def test_the_generator_fools_the_judge_and_the_judge_learns(drawn):
    """The adversarial losses move both networks; a frozen discriminator stays as it is."""
    network, discriminator = made(Denoiser), made(Judge, 1)
    settings = replace(SETTINGS, objective="adversarial")
    before = [p.clone() for p in discriminator.parameters()]
    result = fit(network, drawn, settings, discriminator=discriminator)
    assert result.history[-1]["loss"] < 0.7 * result.history[0]["loss"]
    assert all("discriminator" in row for row in result.history)
    assert not any(torch.equal(a, b) for a, b in zip(before, discriminator.parameters(), strict=True))
    assert all(discriminator.modes)
    discriminator.requires_grad_(False)
    discriminator.modes.clear()
    before = [p.clone() for p in discriminator.parameters()]
    result = fit(network, drawn, replace(settings, steps=2), discriminator=discriminator)
    assert all(torch.equal(a, b) for a, b in zip(before, discriminator.parameters(), strict=True))
    assert not any("discriminator" in row for row in result.history)
    assert discriminator.modes == [False, False]  # a frozen discriminator does not drop features at random
    with pytest.raises(ParameterError, match="needs a discriminator"):
        fit(network, drawn, settings)


def test_peak_memory_counts_weights_gradients_moments_and_activations(drawn):
    """Full training keeps 4 x the weights (weight, gradient, two moments) and more activations than the last layer."""
    network = made(Denoiser)
    whole_network = fit(network, drawn, replace(SETTINGS, steps=1))
    voxels, weights = 4 * 32 * 32 * 16, sum(p.numel() for p in network.parameters())
    assert 4 * weights + voxels * 8 < whole_network.peak_bytes / 4 < 4 * weights + voxels * 30
    network.first.requires_grad_(False)
    network.middle.requires_grad_(False)
    part = fit(network, drawn, replace(SETTINGS, steps=1))
    assert part.peak_bytes < 0.6 * whole_network.peak_bytes


def test_unusable_trainings_are_refused(drawn, tmp_path):
    network = made(Denoiser)
    with pytest.raises(InputError, match="training set is empty"):
        fit(network, drawn.select([]), SETTINGS)
    with pytest.raises(InputError, match="20 voxels along z, fewer than the patch of 32x32x32"):
        fit(network, drawn, replace(SETTINGS, patch=(32, 32, 32)), checkpoint=tmp_path / "a.pt")
    assert not list(tmp_path.iterdir())
    with torch.no_grad():
        network.last.bias.fill_(float("inf"))
    with pytest.raises(PetreconError, match="diverged at step 1"):
        fit(network, drawn, SETTINGS)


def test_prediction_is_the_sliding_window(drawn, monkeypatch):
    """`fit` scores what `predict` returns: the two names are one function outside these tests."""
    monkeypatch.undo()
    assert training_module.predict is predict


def test_a_short_grid_is_padded_only_when_asked(drawn, monkeypatch):
    monkeypatch.setattr(training_module, "predict", predict)
    drawn = replace(drawn, **{n: getattr(drawn, n)[..., :12] for n in ("short", "long", "ideal", "truth", "brain")})
    words = {"steps": 2, "volumes": 2, "crops": 1, "patch": (32, 32, 16)}
    with pytest.raises(InputError, match="12 voxels along z, fewer than the patch of 32x32x16"):
        fit(made(Denoiser), drawn, Settings(**words))
    result = fit(made(Denoiser), drawn, Settings(**words, pad=True), validation=drawn)
    assert result.final is not None
    assert math.isfinite(result.final["psnr"])
