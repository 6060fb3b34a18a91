"""Every method of the comparison reconstructs a slice by its name and its settings."""

import pytest
import torch

from petrecon.ddip import DDIPSettings
from petrecon.errors import ParameterError
from petrecon.metrics import psnr
from petrecon.studies.ddip_cases import HEAD_GRID
from petrecon.studies.ddip_methods import COMPARED, RIVALS, by_settings, reconstruct_by, settings_for


@pytest.mark.parametrize(
    ("method", "tuned"),
    [
        ("MLEM + filter", {"iterations": 20, "fwhm_mm": 5.0}),
        ("RDP", {"strength": 0.1, "iterations": 20}),
        ("Bowsher", {"strength": 0.01, "neighbours": 4, "iterations": 20}),
    ],
)
def test_classical_methods_find_the_slice(case, network, schedule, method, tuned):
    images = reconstruct_by(method, case, tuned, network, schedule)
    assert images.shape == (2, *HEAD_GRID)
    assert min(psnr(x, case.truth) for x in images) > 14
    assert not torch.equal(images[0], images[1])


def test_the_guided_penalty_uses_the_mr(case, network, schedule):
    from dataclasses import replace

    words = {"strength": 0.05, "neighbours": 4, "iterations": 20}
    blind = replace(case, mr=torch.zeros_like(case.mr))
    assert not torch.allclose(
        reconstruct_by("Bowsher", case, words, network, schedule),
        reconstruct_by("Bowsher", blind, words, network, schedule),
    )


def test_variants_differ_by_their_settings():
    assert settings_for("DDIP", {"rank": 2}) == DDIPSettings(rank=2)
    frozen = settings_for("frozen prior", {})
    assert (frozen.adapt, frozen.consistency_em, frozen.steps) == ("none", 5, 150)
    alone = settings_for("MR only", {})
    assert (alone.data, alone.warm_start, alone.start) == ("none", 0, 1000)
    assert frozen.steps == DDIPSettings().steps * (DDIPSettings().fine_tunings + 1)  # as many network evaluations


def test_an_unknown_method_names_the_nearest(case, network, schedule):
    with pytest.raises(ParameterError, match="Did you mean 'Bowsher'"):
        reconstruct_by("Bowshr", case, {}, network, schedule)


def test_a_variant_of_ddip_is_ddip_with_other_settings(case, network, schedule):
    tuned = {"start": 20, "steps": 2, "warm_start": 2}
    by_name = reconstruct_by("DDIP", case, tuned, network, schedule, 3)
    assert torch.equal(by_name, by_settings(case, DDIPSettings(**tuned), network, schedule, 3))
    frozen = reconstruct_by("frozen prior", case, tuned, network, schedule, 3)
    assert not torch.equal(by_name, frozen)


def test_rivals_are_the_methods_without_a_diffusion_prior():
    assert (*RIVALS, "MR only", "frozen prior", "DDIP") == COMPARED
