"""Patches lie at equal places in both scans, half of them on active tissue, all inside the volume."""

import pytest
import torch

from petrecon.errors import InputError, ParameterError
from petrecon.petite.patches import PatchSampler, check_fits, pad_to


def places(n, grid):
    """Return volumes whose voxels hold their own number."""
    count = grid[0] * grid[1] * grid[2]
    return (torch.arange(count, dtype=torch.float64) + 1).reshape(1, *grid).expand(n, -1, -1, -1)


def test_patches_of_both_scans_are_cut_at_one_place_and_reach_every_voxel():
    grid = (20, 18, 17)
    volumes = places(2, grid)
    sampler = PatchSampler(volumes, -volumes, (16, 16, 16))
    x, y = sampler.draw([0, 1], 150, torch.Generator().manual_seed(0))
    assert x.shape == (300, 1, 16, 16, 16)
    torch.testing.assert_close(x, -y)
    corner = x[:, 0, 0, 0, 0]
    inside = places(1, grid)[0][:16, :16, :16] - 1
    torch.testing.assert_close(x[:, 0], corner[:, None, None, None] + inside)  # one contiguous window each
    assert len(x.unique()) == volumes[0].numel()


def test_half_of_the_patches_are_on_active_tissue():
    """One active voxel in a large volume: half of the patches are centred on it, the others almost never."""
    long = torch.full((1, 48, 48, 40), 0.1)
    long[0, 20, 30, 16] = 1.0
    sampler = PatchSampler(long, long, (16, 16, 16))
    x, _ = sampler.draw([0], 400, torch.Generator().manual_seed(0))
    centred = (x[:, 0, 8, 8, 8] == 1.0).double().mean()
    assert 0.42 < float(centred) < 0.58
    always = PatchSampler(long, long, (16, 16, 16), positive=1.0)
    assert bool((always.draw([0], 20, torch.Generator().manual_seed(0))[0][:, 0, 8, 8, 8] == 1.0).all())


def test_draws_depend_on_the_generator_alone(drawn):
    sampler = PatchSampler(drawn.short, drawn.long, (16, 32, 16))
    one, again, other = (sampler.draw([2, 0], 3, torch.Generator().manual_seed(s))[0] for s in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_padding_adds_empty_voxels_on_both_sides():
    x = torch.rand(2, 20, 12, 13)
    padded = pad_to(x, (16, 16, 16))
    assert padded.shape == (2, 20, 16, 16)
    torch.testing.assert_close(padded[:, :, 2:14, 1:14], x)
    assert float(padded.sum()) == pytest.approx(float(x.sum()))
    assert pad_to(x, (16, 12, 13)) is x


def test_patches_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="gemini has 21 voxels along z, fewer than the patch of 48x48x32.*pad=True"):
        check_fits((48, 48, 32), (64, 64, 21), "gemini")
    with pytest.raises(ParameterError, match="patch is 48x40x16.*multiple of 16"):
        check_fits((48, 40, 16), (64, 64, 21))
    with pytest.raises(InputError, match="training set is empty"):
        PatchSampler(torch.zeros(0, 32, 32, 32), torch.zeros(0, 32, 32, 32), (16, 16, 16))
    with pytest.raises(InputError, match="differ in shape"):
        PatchSampler(torch.zeros(1, 32, 32, 32), torch.zeros(1, 32, 32, 16), (16, 16, 16))
