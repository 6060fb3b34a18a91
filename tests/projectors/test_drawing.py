from __future__ import annotations

import matplotlib
import pytest

from petrecon.errors import CardError
from petrecon.projectors import draw_scanner, load_scanner

matplotlib.use("Agg")


def test_a_scanner_is_drawn_to_scale_in_millimetres():
    from matplotlib.figure import Figure

    ax = draw_scanner(load_scanner("hrrt"), "quick", ax=Figure().subplots())
    assert ax.get_aspect() == 1
    assert ax.get_xlabel() == "x (mm)"
    x, y = ax.lines[0].get_data()
    assert len(x) == 192
    assert min(x.max(), y.max()) == pytest.approx(239.5)
    assert "65 radial bins × 96 views" in ax.get_title()


def test_a_scanner_is_drawn_by_name_and_a_misspelt_name_is_refused():
    from matplotlib.figure import Figure

    assert draw_scanner("gemini", "quick", ax=Figure().subplots()).lines
    with pytest.raises(CardError, match="Did you mean 'gemini'"):
        draw_scanner("gemnii", ax=Figure().subplots())
