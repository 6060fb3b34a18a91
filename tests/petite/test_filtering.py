"""`fit_filter` recovers a known filter, gain and offset, and nothing of its family does better on its training set."""

from dataclasses import replace

import pytest
import torch

from petrecon.errors import InputError
from petrecon.petite.scaling import scaled
from petrecon.reconstruct import gaussian_filter
from petrecon.studies.petite_filter import Filter, fit_filter


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
