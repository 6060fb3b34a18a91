"""What a problem refuses, and how it says so."""

import pytest
import torch

from petrecon.deq import dose_of, dynamic_problem, expand, free_vector, hyperparameters, problem_from_exam
from petrecon.errors import InputError, ParameterError
from petrecon.projectors import AcquisitionModel


def test_reduced_form_is_the_acquisition_model(problem, theta):
    """Aᵀ(y / (A x + β)) is the model's back projection of y / ybar, and s its sensitivity."""
    x = problem.start()
    expected = problem.model.linear.adjoint(problem.counts / problem.model(x))
    torch.testing.assert_close(problem.operator.adjoint(problem.ratio(x)), expected, rtol=1e-11, atol=0)
    torch.testing.assert_close(problem.sensitivity, problem.model.sensitivity(), rtol=1e-11, atol=0)


def test_background_alone_explains_the_shift(problem):
    """c A z <= b in every bin, with equality somewhere: the largest uniform activity that fits."""
    of_shift = problem.model.linear(problem.shift.expand(problem.shape[1:]).contiguous())
    share = (of_shift / problem.model.background).amax((1, 2))
    torch.testing.assert_close(share, torch.ones_like(share), rtol=1e-9, atol=0)


def test_empty_frames_are_named(problem):
    counts = problem.counts.clone()
    counts[1, 2] = 0
    with pytest.raises(InputError, match="realisation 1 has no counts in frame 2"):
        dynamic_problem(counts, problem.model)
    with pytest.raises(InputError, match="realisation 0 has no counts in frame 0"):
        dynamic_problem(torch.zeros_like(counts), problem.model)
    scale = problem.model.scale.clone()
    scale[3] = 0
    model = AcquisitionModel(problem.model.projector, scale=scale, background=problem.model.background)
    with pytest.raises(InputError, match="nothing is expected in frame 3"):
        dynamic_problem(problem.counts, model)


@pytest.mark.parametrize(("value", "message"), [(float("nan"), "realisation 2"), (-1.0, "negative")])
def test_broken_counts_are_refused(problem, value, message):
    counts = problem.counts.clone()
    counts[2, 1, 3, 4] = value
    with pytest.raises(InputError, match=message):
        dynamic_problem(counts, problem.model)


def test_wrong_shapes_are_refused(problem):
    with pytest.raises(InputError, match="truth has shape"):
        dynamic_problem(problem.counts, problem.model, problem.truth[1:])
    with pytest.raises(InputError, match="realisations, frames"):
        dynamic_problem(problem.counts[0, 0], problem.model)


def test_a_static_exam_is_refused(problem):
    class Static:
        frames = None

    with pytest.raises(InputError, match="'pe2i'"):
        problem_from_exam(Static())


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ((0.0, 1.0, 0.1), "eta"),
        ((1.0, -2.0, 0.1), "lambda"),
        ((1.0, 1.0, 0.0), "epsilon"),
        ((1.0, float("nan"), 1.0), "lambda"),
    ],
)
def test_parameters_that_are_not_positive_are_named(values, name):
    eta, lam, epsilon = values
    with pytest.raises(ParameterError, match=f"{name}.* above 0"):
        hyperparameters(eta, lam, epsilon, frames=3)


def test_numbers_of_parameters():
    for count, length in ((2, 2), (5, 5), (6, 6)):
        free = free_vector(count, frames=4, eta=0.5, lam=0.02, epsilon=0.3)
        assert len(free) == length
        theta = expand(free, 4, epsilon=0.3)
        assert theta.values()["lambda"] == pytest.approx([0.02] * 4)
        assert theta.values()["eta"] == pytest.approx(0.5)
        assert theta.values()["epsilon"] == pytest.approx(0.3)
    with pytest.raises(ParameterError, match="choose 2 .* 5 .* or 6"):
        free_vector(3, frames=4)
    with pytest.raises(ParameterError, match="not finite"):
        expand(torch.tensor([0.0, float("inf")]), 4)
    with pytest.raises(ParameterError, match="3 lambda for 4 frames"):
        hyperparameters(1.0, [1.0, 1.0, 1.0], frames=4)


def test_dose_is_a_fraction_of_the_card():
    assert dose_of(300) == 1.0
    assert dose_of(750) == 2.5
    for wrong in (0, -150, 5000):
        with pytest.raises(ParameterError, match="outside the card of biograph-truepoint: above 0 and at most 1200"):
            dose_of(wrong)
