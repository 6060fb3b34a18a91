"""Deep image prior: it fits, remembers what it did, and is stopped early for a reason."""

import pytest
import torch

from petrecon.ddip import dip
from petrecon.ddip.measurement import Measurement
from petrecon.errors import InputError, PetreconError
from petrecon.projectors import AcquisitionModel, load_scanner, make_projector
from petrecon.reconstruct import poisson_nll

FEATURES = (8, 8, 8, 8, 8, 8)


@pytest.fixture(scope="module")
def wide():
    """32 x 32 pixels: the U-Net halves its image four times."""
    geometry = load_scanner("biograph-truepoint").geometry(
        "quick", dims=2, image_shape=(32, 32), voxel_size=(8.0, 8.0), crystals_per_module=2, radial_bins=33
    )
    project = make_projector(geometry, backend="matrix")
    axis = torch.arange(32) - 15.5
    truth = 4.0 * ((axis[:, None] / 10) ** 2 + (axis[None] / 8) ** 2 < 1) + 5.0 * (
        ((axis[:, None] - 3) ** 2 + (axis[None] + 1) ** 2) < 8
    )
    model = AcquisitionModel(project, scale=5e4 / float(project(truth).sum()), background=3.0)
    torch.set_num_threads(1)
    mean = model(truth).expand(2, -1, -1).contiguous()
    return model, torch.poisson(mean, generator=torch.Generator().manual_seed(0)), truth / 10, truth


def test_it_raises_the_likelihood_and_comes_closer_to_the_truth(wide):
    model, counts, mr, truth = wide
    errors = []
    result = dip(
        counts[0], model, mr, 60, features=FEATURES, callback=lambda k, x: errors.append(float((x - truth).norm()))
    )
    assert result.nll.shape == (60, 1)
    nll = result.nll[:, 0]
    room = nll[0] - poisson_nll(counts[0], counts[0].clamp(min=1e-9), 2)  # what a perfect fit of the noise would gain
    gained = nll[0] - nll[-10:].median()  # single steps of Adam go up and down, by how much depends on rounding
    assert nll[-10:].median() < nll[:10].median()
    assert gained > 0.9 * room
    assert min(errors) < 0.55 * float(truth.norm()) < 0.6 * errors[0]
    assert abs(poisson_nll(counts[0], model(result.image), 2) - nll[-10:].median()) < 0.05 * gained


def test_the_same_seed_gives_the_same_image_and_a_batch_is_a_loop(wide):
    model, counts, mr, _ = wide
    options = {"features": FEATURES, "scale": 10.0}
    alone = dip(counts[0], model, mr, 4, 3, **options)
    assert torch.equal(alone.image, dip(counts[0], model, mr, 4, 3, **options).image)
    together = dip(counts, model, mr, 4, 3, **options)
    assert torch.allclose(together.image[0], alone.image, rtol=2e-2, atol=2e-2)
    assert not torch.allclose(dip(counts[0], model, mr, 4, 5, **options).image, alone.image, rtol=1e-2)
    noise, nothing = (dip(counts[0], model, z, 4, 3, **options).image for z in (None, torch.zeros_like(mr)))
    assert not torch.allclose(noise, nothing, rtol=1e-2)  # without an MR the input is noise
    assert not torch.allclose(noise, alone.image, rtol=1e-2)


def test_bad_data_and_divergence_are_named(wide, monkeypatch):
    model, counts, mr, _ = wide
    with pytest.raises(InputError, match="the MR has shape"):
        dip(counts[0], model, mr[1:], 1, features=FEATURES)
    with pytest.raises(InputError, match="no counts"):
        dip(0 * counts[0], model, mr, 1, features=FEATURES)
    values = iter([1.0, torch.nan, 1.0])
    monkeypatch.setattr(Measurement, "nll", lambda self, x: x.sum((1, 2, 3)) * next(values))
    with pytest.raises(PetreconError, match="diverged at iteration 2"):
        dip(counts[0], model, mr, 3, features=FEATURES)


def test_a_grid_that_cannot_be_halved_is_refused(counts, model, mr):
    with pytest.raises(InputError, match="divisible by 16"):
        dip(counts[0], model, mr, 1, features=FEATURES)
