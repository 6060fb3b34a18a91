from functools import partial

import pytest
import torch

from petrecon.errors import InputError, ParameterError
from petrecon.projectors import AcquisitionModel, available_backends, make_projector
from petrecon.reconstruct import Quadratic, balanced_subsets, map_em, mlem, osem, poisson_nll

from .conftest import build


@pytest.mark.parametrize("backend", sorted(set(available_backends()) - {"parallelproj"}))  # which is float32 only
def test_likelihood_never_decreases(geometry, image, backend):
    model = build(geometry, image, backend=backend)
    y = torch.poisson(model(image), generator=torch.Generator().manual_seed(3))
    values = []
    mlem(y, model, 30, callback=lambda k, x: values.append(poisson_nll(y, model(x), 2).item()))
    steps = torch.diff(torch.tensor(values, dtype=torch.float64))
    assert len(values) == 30
    assert (steps <= 0).all()
    assert steps[0] < -1.0


def test_counts_are_preserved_without_background(clean_model, clean_counts):
    """Σ A x = Σ y after any EM step: summing s_j x_j = x_j [Aᵀ(y/Ax)]_j over j."""
    for k in (1, 2, 7):
        x = mlem(clean_counts, clean_model, k)
        assert clean_model(x).sum().item() == pytest.approx(clean_counts.sum().item(), rel=1e-10)


def test_one_voxel_is_solved_in_one_step(geometry, clean_model):
    """A single voxel with counts y: x = Σ y / s, the closed-form maximum likelihood."""
    x0 = torch.zeros(geometry.image_shape, dtype=torch.float64)
    x0[14, 19] = 1.0
    y = 3.0 * clean_model(x0)
    x = mlem(y, clean_model, 1, x0)
    assert x[14, 19].item() == pytest.approx(3.0, rel=1e-12)
    assert x.sum().item() == pytest.approx(3.0, rel=1e-12)


def test_noise_free_data_are_a_fixed_point(model, image):
    x = mlem(model(image), model, 5, image)
    assert torch.allclose(x, image, rtol=1e-10, atol=0)


def test_batch_equals_loop(model, counts):
    batch = torch.stack([counts, counts.flip(0), 2 * counts])
    together = mlem(batch, model, 4)
    for one, y in zip(together, batch, strict=True):
        assert torch.allclose(one, mlem(y, model, 4), rtol=1e-12)


def test_all_zero_counts_give_an_image_that_goes_to_zero_and_is_finite(model, counts):
    x = mlem(torch.zeros_like(counts), model, 3)
    assert torch.isfinite(x).all()
    assert x.abs().max() == 0


def test_osem_with_one_subset_is_mlem(model, counts):
    assert torch.equal(osem(counts, model, 5, 1), mlem(counts, model, 5))


def test_osem_agrees_with_mlem_at_equal_updates(clean_model, image):
    """On noise-free data both head for the same image; n subsets do about n iterations per epoch."""
    y = clean_model(image)
    a, b = osem(y, clean_model, 5, 4), mlem(y, clean_model, 20)
    assert (a - b).norm() / b.norm() < 0.03
    assert (mlem(y, clean_model, 5) - b).norm() / b.norm() > 0.05


def test_a_subset_step_divides_by_the_sensitivity_of_that_subset(geometry, image):
    """Against dense algebra, with subsets made unequal by attenuation of half the views."""
    op = make_projector(geometry, dtype=torch.float64)
    half = torch.where(torch.arange(geometry.views) % 2 == 0, 0.2, 1.0).double().expand(geometry.sinogram_shape)
    model = AcquisitionModel(op, attenuation=half, scale=50.0)
    y = torch.poisson(model(image), generator=torch.Generator().manual_seed(5))
    x, parts = mlem(y, model, 0), []
    osem(y, model, 1, 2, callback=lambda k, image: parts.append(image))
    for n in (0, 1):
        keep = torch.zeros(geometry.sinogram_shape, dtype=torch.float64)
        keep[:, n::2] = 1.0
        sensitivity = model.linear.adjoint(keep)
        back = model.linear.adjoint(keep * y / model(x).clamp_min(1e-12))
        x = torch.where(sensitivity > 0, x * back / sensitivity.clamp_min(1e-300), 0.0)
    assert torch.allclose(parts[0], x, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("count", [-1, 1.5])
def test_a_number_of_iterations_that_is_not_one_is_refused(model, counts, count):
    with pytest.raises(ParameterError, match="whole number of iterations"):
        mlem(counts, model, count)


def test_counts_that_are_no_tensor_are_refused(model, counts):
    with pytest.raises(InputError, match="torch tensor"):
        mlem(counts.numpy(), model, 1)


def test_subsets_that_do_not_divide_the_views_are_refused(model, counts):
    with pytest.raises(InputError, match="subsets"):
        osem(counts, model, 1, 13)


def test_start_image_of_wrong_shape_or_sign_is_refused(model, counts):
    with pytest.raises(InputError, match="start image"):
        mlem(counts, model, 1, torch.ones(3, 3))
    with pytest.raises(InputError, match="not negative"):
        mlem(counts, model, 1, -torch.ones(model.linear.in_shape))


@pytest.mark.parametrize(("views", "wanted", "expected"), [(112, 8, 8), (322, 8, 7), (23, 8, 1), (12, 99, 12)])
def test_balanced_subsets_is_the_largest_divisor_within_reach(views, wanted, expected):
    assert balanced_subsets(views, wanted) == expected


@pytest.mark.parametrize("algorithm", [mlem, osem, partial(map_em, penalty=Quadratic(0.1))])
@pytest.mark.parametrize(("spoil", "says"), [(torch.Tensor.bool, "true and false"), (lambda y: y + 0j, "complex")])
def test_counts_that_are_none_are_refused_by_every_algorithm(clean_model, clean_counts, algorithm, spoil, says):
    with pytest.raises(InputError, match=says):
        algorithm(spoil(clean_counts), clean_model)


@pytest.mark.parametrize("algorithm", [mlem, partial(osem, subsets=2), partial(map_em, penalty=Quadratic(0.1))])
def test_a_result_that_is_not_finite_is_refused(clean_model, clean_counts, algorithm):
    """Counts of 1e300 overflow in the second step at the latest: no image of NaN comes back."""
    with pytest.raises(InputError, match="not finite"):
        algorithm(clean_counts * 1e303, clean_model)


def test_true_is_no_number_of_iterations(clean_model, clean_counts):
    with pytest.raises(ParameterError, match="whole number of iterations"):
        mlem(clean_counts, clean_model, True)


def test_a_start_image_of_whole_numbers_is_refused(clean_model, clean_counts):
    with pytest.raises(InputError, match="floating-point"):
        mlem(clean_counts, clean_model, 1, torch.ones(clean_model.image_shape, dtype=torch.long))
