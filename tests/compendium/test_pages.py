"""An executed notebook becomes a page: one parameters cell, numbered figures and tables, card, receipt."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output

from petrecon.compendium.book.pages import _split, _with_values, page, stale
from petrecon.compendium.runs.receipts import Status, read_receipt
from petrecon.compendium.runs.run import plan


@pytest.fixture
def shown(made):
    run = plan("02", {})
    return page(run, read_receipt(run.path("receipt")), Status("fresh"))


def test_the_figure_carries_caption_label_and_words(shown):
    (cell,) = [c for c in shown.cells if "mystnb" in c.metadata]
    assert cell.metadata["mystnb"]["figure"] == {"name": "fig-line", "caption": "A *line*."}
    assert cell.metadata["mystnb"]["image"] == {"alt": "PSNR rises from 4 dB at 1 to 6 dB at 3 (iterations)"}
    assert cell.metadata["tags"] == ["remove-input"]
    assert list(cell.outputs[0].data) == ["image/png"]


def test_the_table_becomes_markdown(shown):
    (cell,) = [
        c for c in shown.cells if "list-table" in c.source and "tab-line" in c.source and c.cell_type == "markdown"
    ]
    assert cell.source.startswith("```{list-table} Numbers.\n:header-rows: 1\n:name: tab-line\n")
    assert "* - 2\n  - 5.25" in cell.source


def test_card_below_the_title_receipt_at_the_end_and_one_parameters_cell(shown):
    sources = [c.source for c in shown.cells]
    assert sources[0] == "# Pictures and tables"
    assert "This page's run" in sources[1]
    assert "petrecon run 02_pictures --profile quick" in sources[1]
    assert "`source .venv/bin/activate` first, or `make run NOTEBOOK=02 …`" in sources[1]
    assert "Receipt of this page" in sources[-1]
    assert "module petrecon.compendium.notebook.figures" in sources[-1].replace("\\", "")
    tags = [t for c in shown.cells for t in c.metadata.get("tags", [])]
    assert tags.count("parameters") == 1
    assert "injected-parameters" not in tags
    nbformat.validate(shown)


def test_a_stale_page_says_why(made):
    run = plan("02", {})
    cells = page(
        run, read_receipt(run.path("receipt")), Status("stale", ("module petrecon.metrics.psnr changed",))
    ).cells
    assert "This page is stale" in cells[2].source
    assert "* module petrecon.metrics.psnr changed" in cells[2].source


def test_injected_values_stand_in_the_declared_cell():
    declared = 'scanner: str = "mmr"  # a card\ndose: float = 1.0  # é, fraction\nseed: int = 0'
    injected = '# Parameters\nscanner = "hrrt"\ndose = 0.25\n'
    assert (
        _with_values(declared, injected)
        == "scanner: str = 'hrrt'  # a card\ndose: float = 0.25  # é, fraction\nseed: int = 0"
    )


def test_the_folder_of_a_users_file_is_not_on_the_page(made, tmp_path):
    """The card lies outside the project: its name is shown, in the parameters cell, the card and the receipt."""
    card = tmp_path / "secret" / "mine.yaml"
    card.parent.mkdir()
    card.write_text("title: mine\n", encoding="utf-8")
    own, given = plan("01", {}), plan("01", {"scanner": str(card)})
    assert given.command == "petrecon run 01_toy --profile quick --scanner mine.yaml --dose 1"
    assert given.fill("@SCANNER@") == "mine.yaml"
    text = own.path("notebook").read_text(encoding="utf-8").replace("seed = 0", f'scanner = \\"{card}\\"')
    given.path("notebook").write_text(text, encoding="utf-8")
    receipt = {**read_receipt(own.path("receipt")), "parameters": dict(given.parameters), "command": given.command}
    receipt["inputs"] = {f"file {card}": "0" * 64}
    cells = page(given, receipt, Status("stale", (f"file {card} changed",))).cells
    shown = "\n".join(cell.source for cell in cells)
    assert "scanner: str = 'mine.yaml'  # a card" in shown
    assert "* file mine.yaml changed" in shown
    assert "secret" not in shown


def _figure(name):
    told = {"kind": "figure", "name": name, "caption": "C", "alt": "A"}
    return new_output("display_data", data={"image/png": "", "text/plain": "A"}, metadata={"petrecon": told})


def test_outputs_keep_their_order_and_hidden_cells_stay_hidden():
    text = new_output("stream", text="between")
    cell = new_code_cell("x", outputs=[text, _figure("a"), text, _figure("b"), text])
    parts = list(_split(cell))
    assert [len(p.outputs) for p in parts] == [1, 1, 1, 1, 1]
    assert [p.metadata.get("mystnb", {}).get("figure", {}).get("name") for p in parts] == [
        None,
        "a",
        None,
        "b",
        None,
    ]
    hidden = new_code_cell("x", outputs=[_figure("a")], metadata={"tags": ["hide-cell"]})
    assert [p.metadata["tags"] for p in _split(hidden)] == [["hide-cell"], ["remove-input", "hide-output"]]
    removed = new_code_cell("x", outputs=[_figure("a")], metadata={"tags": ["remove-output"]})
    assert list(_split(removed)) == [removed]


def test_a_page_that_is_stale_for_many_reasons_names_five_and_the_command_that_renews_all(project: Path):
    run = plan("01", {})
    told = stale(Status("stale", tuple(f"02_other__{k} is stale" for k in range(12))), run)
    assert "* 02_other__4 is stale\n* and 7 more\n" in told.replace("\\", "")
    assert "Run `petrecon reproduce --profile quick --only 01_toy` to renew it." in told
    alone = stale(Status("stale", ("module petrecon.metrics.errors changed",)), run)
    assert "more" not in alone
    assert f"Run `{run.command}` to renew it." in alone
