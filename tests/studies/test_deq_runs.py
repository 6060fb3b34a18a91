"""What DEQ's learning notebook records is what the chapters on it read, under the keys that the claims name."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from petrecon.deq import hyperparameters
from petrecon.studies import deq_runs
from petrecon.studies.deq_cases import PATIENTS, learned_doses, net_trues
from petrecon.studies.deq_runs import LearnedRun, record_frames, record_learned

LOSSES = {
    "DEQ-21": np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [2.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]]),
    "DEQ-2": np.array([[2.0, 2.0, 3.0, 5.0, 5.0, 6.0, 8.0], [3.0, 2.0, 3.0, 5.0, 5.0, 6.0, 9.0]]),
    "TPE": np.full((2, 7), 9.0),
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("PETRECON_RUN", str(tmp_path / "run"))
    monkeypatch.setattr("petrecon.compendium.notebook.compare.table", lambda frame, **words: None)
    theta = {m: hyperparameters(0.2, 0.01 * (k + 1), frames=7) for k, m in enumerate(LOSSES)}
    record_learned(LOSSES, theta, dict.fromkeys(LOSSES, 40), name="tab-a", caption="All.")
    record_frames(LOSSES, np.full(7, 100 / 7))
    saved = dict(np.load(tmp_path / "run.arrays.npz"))
    monkeypatch.setattr(deq_runs, "load_array", lambda key, notebook, **words: saved[key])
    return LearnedRun(json.loads((tmp_path / "run.numbers.json").read_text()), {})


def test_what_was_recorded_is_what_is_read(run):
    assert run.error("DEQ-2").value == pytest.approx(LOSSES["DEQ-2"].mean())
    gain = 100 * (1 - LOSSES["DEQ-21"].mean(1) / LOSSES["TPE"].mean(1))
    assert run.gain("TPE").value == pytest.approx(gain.mean())
    assert run.gain_of_two("TPE").value < run.gain("TPE").value
    assert run.cost("TPE") == 40
    assert run.eta() == pytest.approx(0.2)
    np.testing.assert_allclose(run.lambdas("DEQ-2"), 0.02, rtol=1e-5)
    np.testing.assert_allclose(run.frame_errors("DEQ-21"), LOSSES["DEQ-21"].mean(0))
    assert run.share().sum() == pytest.approx(100)


def test_no_method_is_compared_with_itself_and_epsilon_is_read_where_it_was_learned(run):
    assert "gain/DEQ-21" not in run.numbers
    assert "gain2/DEQ-2" not in run.numbers
    assert run.gain_of_epsilon() is None
    better = LearnedRun({"gain/DEQ-22": {"samples": [-1.0, 2.0]}}, {})
    assert better.gain_of_epsilon() == [1.0, -2.0]


def test_the_low_frames_are_the_first_and_last_three(run):
    gain = 100 * (1 - LOSSES["DEQ-21"] / LOSSES["DEQ-2"])
    low = gain[:, [0, 1, 2, 4, 5, 6]].mean()
    assert run.low_frames_minus_others == pytest.approx(low - gain[:, 3].mean())


def test_doses_are_those_of_the_profile_and_dose_one_is_the_reference_exam():
    doses = learned_doses("quick")
    assert doses == sorted(doses)
    assert 1.0 in doses
    assert net_trues("biograph-truepoint", 0.5) == pytest.approx(150)
    assert set(PATIENTS) == {"P1", "P2"}


def test_pictures_and_regional_curves_of_a_run_are_read_in_their_units(tmp_path, monkeypatch):
    monkeypatch.setenv("PETRECON_RUN", str(tmp_path / "run"))
    monkeypatch.setattr(deq_runs, "striatum_and_occipital", lambda subject: torch.tensor([[1, 2], [0, 0]]))

    class Subject:
        voxel_size = (2.0, 3.0)

    truth = torch.arange(12.0).reshape(3, 2, 2)
    deq_runs.save_pictures({"DEQ-2": truth[None] - 1}, truth, [0, 2], Subject())
    saved = dict(np.load(tmp_path / "run.arrays.npz"))
    monkeypatch.setattr(deq_runs, "load_array", lambda key, notebook, **words: saved[key])
    run = LearnedRun({}, {})
    assert run.voxel_size == (2.0, 3.0)
    np.testing.assert_array_equal(run.truth(), truth[[0, 2]])
    np.testing.assert_array_equal(run.absolute_errors("DEQ-2"), np.ones((2, 2, 2)))
    np.testing.assert_array_equal(run.regional_curves("truth")[:, 0], [[0, 4, 8], [1, 5, 9]])
