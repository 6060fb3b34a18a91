"""Training cards."""

import pytest

from petrecon import paths
from petrecon.errors import CardError
from petrecon.models.shipped_trainings import load_training, training_names


def test_every_shipped_card_loads():
    assert {"score-fdg", "score-mk6240"} <= set(training_names())
    for name in training_names():
        assert load_training(name)["name"] == name


def test_an_unknown_training_names_the_nearest():
    with pytest.raises(CardError, match="Did you mean 'score-fdg'"):
        load_training("score-fgd")


def test_one_card_trains_a_network_on_each_of_its_scanners(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path)
    (tmp_path / "training").mkdir()
    card = "name: net-{scanner}-small\nkind: petite\nscanners: [hrrt, gemini]\ndose: 0.5\n"
    (tmp_path / "training" / "net-small.yaml").write_text(card)
    (tmp_path / "training" / "net.yaml").write_text("name: net\nkind: score\n")
    assert training_names() == ["net", "net-gemini-small", "net-hrrt-small"]
    expected = {"name": "net-hrrt-small", "kind": "petite", "dose": 0.5, "scanner": "hrrt"}
    assert load_training("net-hrrt-small") == expected
    assert load_training("net")["kind"] == "score"
    with pytest.raises(CardError, match="Did you mean 'net-gemini-small'"):
        load_training("net-gemni-small")


def test_a_card_that_is_named_for_another_training_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path)
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "net.yaml").write_text("name: other\nkind: score\n")
    with pytest.raises(CardError, match="needs 'name: net' and a 'kind'"):
        load_training("net")
