"""Learning lowers the loss, follows the gradient, and survives an interruption; searches keep account."""

import math
from dataclasses import replace

import optuna
import pytest
import torch

from petrecon.deq import (
    TrainSettings,
    dynamic_problem,
    evaluate,
    grid_search,
    hypergradient,
    reconstruct,
    squared_error,
    tpe_search,
    train,
)
from petrecon.deq import train_hyperparameters as training_module
from petrecon.errors import InputError, ParameterError

OPTIONS = {"n_hyperparameters": 2, "steps": 6, "lr": 0.4, "tol": 1e-6, "epsilon": 0.5, "seed": 3}


@pytest.fixture(scope="module")
def sets(problem):
    return problem.select([0, 1]), problem.select([2])


@pytest.fixture(scope="module")
def two(sets):
    return train(sets[0], TrainSettings(**OPTIONS), sets[1])


def test_training_lowers_the_loss(sets, two):
    history = two.history
    assert [row["step"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]
    assert history[-1]["evaluations"] == two.evaluations
    torch.testing.assert_close(two.losses, evaluate(sets[1], two.theta)[0])


def test_the_learning_rate_falls_from_the_first_to_the_last_as_asked(two):
    rates = [row["lr"] for row in two.history]
    assert rates[0] == pytest.approx(OPTIONS["lr"])
    assert rates[-1] == pytest.approx(0.01)
    assert rates == sorted(rates, reverse=True)
    assert rates[2] + rates[3] == pytest.approx(rates[0] + rates[-1])  # a cosine is odd about its middle


def test_steps_start_from_the_images_and_adjoints_of_the_last(sets, two):
    """The last step costs less than half of what it would from a flat image and a zero adjoint."""
    row, before = two.history[-1], two.history[-2]
    theta = training_module.expand(torch.tensor(row["log"], dtype=torch.float64), 4, OPTIONS["epsilon"])
    x, forward = reconstruct(sets[0], theta, tol=OPTIONS["tol"])
    _, _, backward = hypergradient(sets[0], theta, x, 2 * (x - sets[0].truth) / x[0].numel(), tol=1e-2)
    assert row["evaluations"] - before["evaluations"] < 0.5 * (forward.evaluations + backward.evaluations)


def test_gradient_of_every_step_is_that_of_the_mean_loss(sets):
    """Central difference of the training loss at the first step, along its free logarithms.

    Images and adjoints are solved tightly: where looser ones stop depends on rounding, by up to 3 % of the gradient.
    """
    settings = TrainSettings(**{**OPTIONS, "steps": 1, "tol": 1e-7, "adjoint_tol": 1e-3})
    row = train(sets[0], settings).history[0]
    h, norm = 2e-2, 0.0
    for i in range(2):
        values = []
        for sign in (1, -1):
            free = torch.tensor(row["log"], dtype=torch.float64)
            free[i] += sign * h
            theta = training_module.expand(free, 4, OPTIONS["epsilon"])
            values.append(float(evaluate(sets[0], theta, tol=1e-8)[0].mean()))
        norm += ((values[0] - values[1]) / (2 * h)) ** 2
    assert row["gradient_norm"] == pytest.approx(math.sqrt(norm), rel=0.02)


def test_more_parameters_fit_better(sets, two):
    """From the shared optimum, one λ per frame, and ε, can only lower the training loss."""
    start = torch.cat([two.free[:1], two.free[1:].expand(4), torch.tensor([math.log(0.5)], dtype=torch.float64)])
    settings = TrainSettings(**{**OPTIONS, "n_hyperparameters": 5, "steps": 4, "lr": 0.1})
    five = train(sets[0], settings, start=start[:5])
    six = train(sets[0], replace(settings, n_hyperparameters=6), start=start)
    shared = float(evaluate(sets[0], two.theta)[0].mean())
    assert float(evaluate(sets[0], five.theta)[0].mean()) < shared
    assert float(evaluate(sets[0], six.theta)[0].mean()) < shared
    assert len(six.free) == 6
    assert float(six.theta.log_epsilon) != pytest.approx(math.log(0.5), abs=1e-3)


def test_resumed_training_equals_an_uninterrupted_one(sets, two, tmp_path, monkeypatch):
    """Interrupted in the middle of step 4, and resumed: the same history and values, bit for bit."""
    path, calls = tmp_path / "run" / "training.pt", []
    both = sets[0], TrainSettings(**OPTIONS)

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    original = training_module.hypergradient
    monkeypatch.setattr(training_module, "hypergradient", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(*both, checkpoint=path)
    monkeypatch.undo()
    resumed = train(*both, checkpoint=path)
    assert torch.equal(resumed.free, two.free)
    assert resumed.evaluations == two.evaluations
    assert [r["loss"] for r in resumed.history] == [r["loss"] for r in two.history]
    assert [p.name for p in path.parent.iterdir()] == ["training.pt"]
    with pytest.raises(InputError, match="another training .seed differ"):
        train(sets[0], replace(both[1], seed=4), checkpoint=path)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="is not a checkpoint"):
        train(*both, checkpoint=path)


def test_flat_losses_stop_the_training(sets):
    result = train(sets[0], TrainSettings(**OPTIONS, flat=1e9, patience=1))
    assert len(result.history) == 2


def test_unusable_settings_are_refused(sets, problem):
    settings = TrainSettings(2)
    with pytest.raises(InputError, match="no true image"):
        train(dynamic_problem(problem.counts, problem.model), settings)
    with pytest.raises(ParameterError, match="choose 2"):
        train(sets[0], replace(settings, n_hyperparameters=7))
    with pytest.raises(ParameterError, match="start has 3 values"):
        train(sets[0], settings, start=torch.zeros(3))
    for wrong in ({"steps": 0}, {"batch": 1.5}, {"lr": 0.0}, {"tol": -1.0}, {"flat": -0.1}, {"seed": True}):
        with pytest.raises(ParameterError, match=f"{next(iter(wrong))} is "):
            replace(settings, **wrong)
    with pytest.raises(ParameterError, match="Did you mean 'report'"):
        replace(settings, on_failure="reports")


def test_squared_error_per_frame_averages_to_the_whole(problem):
    x = problem.start()
    torch.testing.assert_close(squared_error(x, problem, per_frame=True).mean(-1), squared_error(x, problem))


SEARCH = {"eta": (0.01, 1.0), "lam": (0.05, 5.0), "epsilon": 0.5, "tol": 1e-6}


def test_grid_search_finds_the_best_of_its_pairs_and_refines(sets):
    found = grid_search(*sets, points=3, refinements=1, **SEARCH)
    assert found.complete
    assert found.losses.shape == (1,)
    coarse, fine = found.trials[:9], found.trials[9:]
    pairs = {(round(r["eta"], 6), round(r["lambda"], 6)) for r in coarse}
    assert pairs == {(e, s) for e in (0.01, 0.1, 1.0) for s in (0.05, 0.5, 5.0)}
    best = min(coarse, key=lambda row: row["loss"])
    assert len(fine) == 9
    assert all(best["eta"] / 11 < row["eta"] < best["eta"] * 11 for row in fine)
    assert found.loss == min(row["loss"] for row in found.trials) <= best["loss"]


def test_searches_stop_at_their_budget(sets):
    for search, options in ((grid_search, {"points": 4}), (tpe_search, {})):
        result = search(sets[0], budget=300, **options, **SEARCH)
        assert result.trials[-1]["evaluations"] == result.evaluations >= 300
        assert len(result.trials) == 1 or result.trials[-2]["evaluations"] < 300
    assert not grid_search(sets[0], points=4, budget=300, **SEARCH).complete


def test_tpe_repeats_for_a_seed_and_leaves_logging_alone(sets):
    before = optuna.logging.get_verbosity()
    first = tpe_search(sets[0], trials=4, seed=1, **SEARCH)
    again = tpe_search(sets[0], trials=4, seed=1, **SEARCH)
    assert first.trials == again.trials
    assert first.trials[0] != tpe_search(sets[0], trials=1, seed=2, **SEARCH).trials[0]
    assert optuna.logging.get_verbosity() == before
    with pytest.raises(ParameterError, match="give trials or budget"):
        tpe_search(sets[0])
    with pytest.raises(ParameterError, match="0 < low < high"):
        grid_search(sets[0], eta=(0.0, 1.0))
