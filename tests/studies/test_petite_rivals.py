"""What least squares fits: a filter, gain and offset, recovered where they are true; and a network of 26 numbers,

which finds what it can, and loses on another scanner what was changed there.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from petrecon.errors import InputError
from petrecon.petite.scaling import scaled
from petrecon.reconstruct import gaussian_filter
from petrecon.studies.petite_rivals import (
    AS_IT_COMES,
    SIDE,
    TUNED,
    Filter,
    fit_filter,
    least_squares,
    neighbourhoods,
    transfer,
)
from petrecon.studies.petite_slices import SliceSet


def test_a_known_filter_is_recovered(drawn):
    # 'each' rescales to [0, 1], so the target's own range must stay what it is: use the shared scale
    long = 1.7 * gaussian_filter(drawn.short, drawn.voxel_size, 8.0) + 0.4
    found = fit_filter(replace(drawn, long=long), "shared", [4.0, 6.0, 8.0, 10.0])
    assert found.fwhm_mm == 8.0
    assert found.gain == pytest.approx(1.7, rel=0.05)  # each head is divided by its own level, the offset is not one
    (short, wanted) = scaled(replace(drawn, long=long), "shared")
    assert float((found(short, drawn.voxel_size) - wanted).square().mean()) < 1e-4 * float(wanted.square().mean())


def test_no_other_gain_or_offset_is_better(drawn):
    found = fit_filter(drawn)
    short, long = scaled(drawn)

    def error(one):
        return float((one(short, drawn.voxel_size) - long).double().square().mean())

    best = error(found)
    for gain, offset in ((1.01, 0), (0.99, 0), (1, 0.005), (1, -0.005)):
        assert error(Filter(found.fwhm_mm, gain * found.gain, found.offset + offset)) > best


def test_an_empty_training_set_is_refused(drawn):
    with pytest.raises(InputError, match="empty"):
        fit_filter(replace(drawn, short=torch.empty(0, 4, 4, 4), long=torch.empty(0, 4, 4, 4), members=()))


def images(n, seed):
    return torch.rand(n, 24, 24, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def scans(short, long):
    return SliceSet(short.float(), long.float(), (1.0, 1.0), None)


def test_least_squares_finds_a_convolution_and_its_offset():
    """Zero padding included: the columns are those of torch's own convolution."""
    short = images(3, 0)
    kernel = torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    long = functional.conv2d(short[:, None], kernel[None, None], padding=SIDE // 2)[:, 0] + 0.7
    found = least_squares(neighbourhoods(short), long)
    assert torch.allclose(found[:-1, 0], kernel.flatten(), atol=1e-10)
    assert float(found[-1]) == pytest.approx(0.7, abs=1e-10)


def test_a_change_of_scale_is_lost_as_it_comes_and_mended_by_two_numbers():
    """On one scale, scanner B shows half of what A shows: the network of A is off by that factor, and only by it."""
    train, test = {}, {}
    for sets, seed in ((train, 0), (test, 10)):
        short = images(4, seed) + 1
        long = functional.avg_pool2d(short[:, None], 3, 1, 1)[:, 0]
        noise = 0.01 * torch.randn(long.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        sets |= {"a": scans(short, long + noise), "b": scans(short, 0.5 * long + noise)}
    maps = transfer(train, test, "shared")
    for values in maps.values():
        assert np.allclose(np.diag(values), 0, atol=0.1)
    assert maps[AS_IT_COMES][0, 1] < -20
    assert maps[TUNED][0, 1] == pytest.approx(0, abs=0.3)


def test_a_change_of_grain_is_not_mended_by_two_numbers():
    """Scanner B blurs differently: a scale and a shift of the wrong kernel do not undo it."""
    train, test = {}, {}
    for sets, seed in ((train, 0), (test, 10)):
        short = images(4, seed) + 1
        near = functional.avg_pool2d(short[:, None], 3, 1, 1)[:, 0]
        far = short.roll(2, 1)
        sets |= {"a": scans(short, near), "b": scans(short, far)}
    maps = transfer(train, test, "shared")
    assert maps[TUNED][0, 1] < -3
    assert maps[TUNED][0, 1] >= maps[AS_IT_COMES][0, 1]
