import pytest
import torch

from petrecon.errors import ParameterError
from petrecon.reconstruct import Bowsher, Quadratic, RelativeDifference, SmoothedTV, map_em, penalty_by_name

SHAPES = {2: (7, 6), 3: (5, 4, 6)}
ALL = [Quadratic, RelativeDifference, SmoothedTV]


def _image(dims, seed=0, batch=()):
    draw = torch.Generator().manual_seed(seed)
    return 5 * torch.rand(*batch, *SHAPES[dims], generator=draw, dtype=torch.float64)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", ALL)
def test_gradient_equals_central_differences(kind, dims):
    penalty, x = kind(0.7, dims), _image(dims)
    gradient, step = penalty.gradient(x), 1e-5
    for index in [(0,) * dims, (2,) * dims, tuple(n - 1 for n in SHAPES[dims])]:
        up, down = x.clone(), x.clone()
        up[index] += step
        down[index] -= step
        numeric = (penalty.value(up) - penalty.value(down)) / (2 * step)
        assert gradient[index].item() == pytest.approx(numeric.item(), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", [Quadratic, SmoothedTV])
def test_the_quadratic_majorises(kind, dims):
    """R(z) <= R(x) + <∇R(x), z - x> + ½ Σ d (z - x)², for many pairs."""
    penalty = kind(0.7, dims)
    assert penalty.exact_majoriser
    tightest = torch.inf
    for seed in range(50):
        x, z = _image(dims, seed), _image(dims, seed + 1000)
        bound = (
            penalty.value(x) + (penalty.gradient(x) * (z - x)).sum() + 0.5 * (penalty.curvature(x) * (z - x) ** 2).sum()
        )
        tightest = min(tightest, float(bound - penalty.value(z)))
    assert tightest >= 0


@pytest.mark.parametrize("kind", ALL)
def test_a_constant_image_costs_least_and_has_no_gradient(kind):
    penalty, flat = kind(2.0, 2), torch.full((6, 6), 3.0, dtype=torch.float64)
    assert penalty.gradient(flat).abs().max() < 1e-12
    assert penalty.value(flat) < penalty.value(flat + torch.eye(6, dtype=torch.float64))


@pytest.mark.parametrize("kind", ALL)
def test_batch_equals_loop(kind):
    penalty, x = kind(0.3, 2), _image(2, batch=(3,))
    assert torch.allclose(penalty.value(x), torch.stack([penalty.value(one) for one in x]))
    assert torch.allclose(penalty.gradient(x), torch.stack([penalty.gradient(one) for one in x]))


@pytest.mark.parametrize("kind", [Quadratic, RelativeDifference])  # TV's forward differences have a direction
def test_mirror_images_cost_the_same(kind):
    x = _image(2)
    assert kind(1.0, 2).value(x).item() == pytest.approx(kind(1.0, 2).value(x.flip(0)).item(), rel=1e-12)


def test_unknown_penalty_and_negative_strength_are_refused():
    with pytest.raises(ParameterError, match="did you mean|Did you mean"):
        penalty_by_name("rpd", 1.0)
    with pytest.raises(ParameterError, match="strength"):
        penalty_by_name("tv", -1.0)


@pytest.mark.parametrize("strength", [-1.0, float("nan"), float("inf"), "a"])
@pytest.mark.parametrize("kind", ALL)
def test_a_strength_that_is_not_a_number_from_zero_up_is_refused(kind, strength):
    with pytest.raises(ParameterError, match="strength of a penalty"):
        kind(strength)


def test_shape_parameters_are_checked_too():
    with pytest.raises(ParameterError, match="gamma"):
        RelativeDifference(1.0, gamma=-1.0)
    with pytest.raises(ParameterError, match="above 0"):
        SmoothedTV(1.0, epsilon=0.0)


@pytest.mark.parametrize("strength", [1e30, 2e9, True])
def test_a_strength_that_makes_no_sense_is_refused(strength):
    """1e30 used to return an image of NaN."""
    for make in (Quadratic, RelativeDifference, SmoothedTV, lambda s: Bowsher(s, torch.zeros(8, 8))):
        with pytest.raises(ParameterError, match="strength of a penalty is"):
            make(strength)


@pytest.mark.parametrize("make", [Quadratic, RelativeDifference, SmoothedTV])
def test_the_largest_strength_gives_a_finite_image_in_single_precision(make, model, counts):
    image = map_em(counts.float(), model.to(torch.float32), make(1e9), 3)
    assert bool(torch.isfinite(image).all())


def test_a_strength_per_image_is_a_loop_over_images():
    """A tensor of strengths, and of epsilons, penalises every image of a batch with its own."""
    x = 5 * torch.rand(2, 3, 6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    strength, epsilon = torch.tensor([0.5, 1.0, 4.0]).double(), torch.tensor([0.1, 0.3, 2.0]).double()
    together = SmoothedTV(strength, epsilon=epsilon)
    product = together.hessian_product(x)(x)
    for t in range(3):
        alone = SmoothedTV(float(strength[t]), epsilon=float(epsilon[t]))
        for name in ("value", "gradient", "curvature"):
            torch.testing.assert_close(getattr(together, name)(x)[:, t], getattr(alone, name)(x[:, t]))
        torch.testing.assert_close(product[:, t], alone.hessian_product(x[:, t])(x[:, t]))


@pytest.mark.parametrize("method", ["value", "gradient", "curvature"])
def test_total_variation_is_differentiable_in_strength_and_epsilon(method):
    x = 5 * torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    logs = [torch.tensor([0.1, -0.4, 1.0], dtype=torch.float64), torch.tensor(-1.0, dtype=torch.float64)]

    def total(strength, epsilon):
        return getattr(SmoothedTV(strength.exp(), 2, epsilon.exp()), method)(x)

    assert torch.autograd.gradcheck(total, [p.requires_grad_() for p in logs])
