"""Tuning tries every combination, and what it records is read back."""

import numpy as np
import pytest

from petrecon.errors import InputError
from petrecon.metrics import psnr
from petrecon.studies.ddip_methods import reconstruct_by
from petrecon.studies.ddip_tuning import (
    Trial,
    combinations,
    grid_search,
    record_tuned,
    tuned_settings,
    tuned_variant,
    tuning_table,
)


def test_tuning_tries_every_combination_and_scores_by_psnr(case, network, schedule):
    values = {"iterations": [5, 20], "fwhm_mm": [4.0, 30.0]}
    rows = grid_search("MLEM + filter", {"a": case}, values, network, schedule)
    assert [row.settings for row in rows] == combinations(values)
    by_hand = reconstruct_by("MLEM + filter", case, rows[2].settings, network, schedule)
    assert rows[2].mean == pytest.approx(np.mean([psnr(x, case.truth) for x in by_hand]))
    assert rows[2].mean > rows[3].mean  # a 30 mm filter is no good


def test_the_deep_image_prior_is_scored_on_its_way(case, network, schedule):
    """One run of 6 iterations also tells what 3 would have given, and each is what a run of its own gives."""
    values = {"learning_rate": [1e-2], "iterations": [3, 6]}
    rows = grid_search("DIP", {"a": case}, values, network, schedule)
    assert [row.settings["iterations"] for row in rows] == [3, 6]
    for row in rows:
        alone = reconstruct_by("DIP", case, row.settings, network, schedule)
        assert row.mean == pytest.approx(np.mean([psnr(x, case.truth) for x in alone]), abs=1e-4)


BEST = {
    "DDIP": Trial({"steps": 40, "targets": "all"}, {"fdg": 21.0, "amyloid-negative": 20.0}, 3.0),
    "RDP": Trial({"strength": 0.1}, {"fdg": 18.0, "amyloid-negative": 17.0}, 1.0),
}


def test_tuned_settings_are_those_that_the_tuning_recorded(recorded):
    record_tuned(BEST)
    assert tuned_settings("DDIP") == {"steps": 40, "targets": "all"}
    assert tuned_settings("DDIP", {"DDIP": {"steps": 20}}) == {"steps": 20, "targets": "all"}
    assert tuned_settings("RDP") == {"strength": 0.1}
    assert tuned_settings("MR only") == {}
    assert tuned_variant("DDIP").steps == 40
    assert recorded()["psnr/DDIP"]["value"] == 20.5
    with pytest.raises(InputError, match="no settings of 'Bowsher': run `petrecon run 21`"):
        tuned_settings("Bowsher")


def test_the_table_of_tuning_names_the_settings_kept():
    table = tuning_table({"DDIP": [*BEST.values()], "RDP": [BEST["RDP"]]}, BEST)
    assert table["kept"].tolist() == ["steps 40, targets all", "strength 0.1"]
    assert table["tried"].tolist() == [2, 1]
    assert table["amyloid"].tolist() == [20.0, 17.0]
