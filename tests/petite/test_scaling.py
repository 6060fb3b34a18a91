"""Two scales: each volume's own range, or one level for both scans."""

from dataclasses import replace

import pytest
import torch

from petrecon.errors import InputError, ParameterError
from petrecon.petite.scaling import scaled, shared_level, unit_scale


def test_each_volume_fills_the_unit_range(drawn):
    short, long = scaled(drawn)
    for volumes, raw in ((short, drawn.short), (long, drawn.long)):
        for v, r in zip(volumes, raw, strict=True):
            assert (float(v.min()), float(v.max())) == (0.0, 1.0)
            gain = float(r.max() - r.min())
            torch.testing.assert_close(v * gain + r.min(), r)


def test_a_shared_scale_keeps_the_ratio_of_short_and_long(drawn):
    """Both are divided by the level of the short scan, whatever the long scan is."""
    short, long = scaled(drawn, "shared")
    level = torch.quantile(drawn.short.flatten(1), 0.999, dim=1, interpolation="nearest")
    torch.testing.assert_close(shared_level(drawn.short), level, rtol=0.02, atol=0)
    torch.testing.assert_close(short * shared_level(drawn.short).reshape(-1, 1, 1, 1), drawn.short)
    inside = drawn.short > 1
    torch.testing.assert_close((long / short)[inside], (drawn.long / drawn.short)[inside])
    brighter = scaled(replace(drawn, long=2 * drawn.long), "shared")
    torch.testing.assert_close(brighter[0], short)
    torch.testing.assert_close(brighter[1], 2 * long)


def test_volumes_that_cannot_be_scaled_are_refused(drawn):
    with pytest.raises(ParameterError, match="Did you mean 'shared'"):
        scaled(drawn, "share")
    with pytest.raises(InputError, match="constant volume"):
        unit_scale(torch.ones(1, 2, 2, 2))
    with pytest.raises(InputError, match="NaN"):
        unit_scale(torch.full((1, 2, 2, 2), float("nan")))
    with pytest.raises(InputError, match="empty"):
        shared_level(torch.zeros(2, 3, 3, 3))
    with pytest.raises(InputError, match="NaN"):
        shared_level(torch.full((1, 2, 2, 2), float("nan")))
