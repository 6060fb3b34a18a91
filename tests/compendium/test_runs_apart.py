"""Runs that differ have files of their own and commands that say so; and no run is too large for its claim."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from petrecon.compendium.book.ledger import ledger
from petrecon.compendium.runs.run import plan
from petrecon.compendium.runs.runner import make_run

CLAIM = """
- id: foundations/{profile}
  paper: foundations
  statement: "s"
  paper_value: "20 dB"
  units: patients
  computed_by: {{notebook: 01_toy, key: psnr}}
  rule: {{kind: greater, than: 1}}
  profile: {profile}
"""


@pytest.mark.parametrize("doses", [(0.25, 0.251), (0.1, 0.11), (1.0, 1.001), (0.001, 0.0011), (2.0, 0.2)])
def test_doses_that_are_close_are_not_taken_for_one(project: Path, doses):
    """Neither their files nor their labels are shared, and each command makes its own dose again."""
    runs = [plan("01", {"dose": dose}) for dose in doses]
    for what in ("stem", "label"):
        assert getattr(runs[0], what) != getattr(runs[1], what)
    for run, dose in zip(runs, doses, strict=True):
        words = shlex.split(run.command)
        options = dict(zip(words[3::2], words[4::2], strict=True))
        again = plan(words[2], {name.removeprefix("--"): value for name, value in options.items()})
        assert again.parameters["dose"] == dose
        assert again.stem == run.stem


def test_a_run_of_a_larger_profile_than_the_claim_asks_for_is_no_mere_indication(made: Path):
    claims = "".join(CLAIM.format(profile=profile) for profile in ("quick", "laptop", "paper"))
    (made / "data" / "claims.yml").write_text(claims, encoding="utf-8")
    make_run(plan("01", {"profile": "laptop"}), quiet=True)
    rows = ledger("laptop")["claims"]
    assert [row["yours"].get("indicative", False) for row in rows] == [False, False, True]
    assert [row["yours"].get("indicative", False) for row in ledger("quick")["claims"]] == [False, True, True]
