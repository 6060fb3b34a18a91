from dataclasses import replace

import numpy as np
import pytest

from petrecon.compendium.notebook.figures import _check_axes
from petrecon.errors import InputError
from petrecon.phantoms import load_anatomy
from petrecon.phantoms.label_picture import COLOURS, describe_labels, draw_labels, in_words, tissue_table
from petrecon.phantoms.regions import TISSUES


@pytest.fixture(scope="module")
def head():
    return load_anatomy("dk-aseg")


@pytest.fixture(scope="module")
def picture(head):
    import matplotlib.pyplot as plt

    fig = draw_labels(head)
    yield fig
    plt.close(fig)


def test_the_table_accounts_for_every_labelled_voxel_once(head):
    table = tissue_table(head)
    assert table["volume (mL)"].sum() == pytest.approx((head.labels > 0).sum() / 1000)
    assert table["regions"].sum() == len(head.regions) - 1
    assert list(table["tissue"]) == list(TISSUES[1:])


def test_every_tissue_has_a_colour_of_its_own():
    assert set(COLOURS) == set(TISSUES)
    assert len(set(COLOURS.values())) == len(TISSUES)


def test_the_picture_shows_three_planes_in_mm_that_the_book_accepts(picture):
    assert [ax.get_title().split(",")[0] for ax in picture.axes] == ["axial", "coronal", "sagittal"]
    _check_axes(picture, "fig-labels", frozenset())


def test_left_and_right_are_written_where_they_are(picture, head):
    """The letter R stands at the end where x is large, and there lies what is named right."""
    axial = picture.axes[0]
    letters = {text.get_text(): text.get_position() for text in axial.texts}
    assert letters["L"][0] < letters["R"][0]
    assert letters["P"][1] < letters["A"][1]
    assert axial.get_xlim()[0] < axial.get_xlim()[1]
    shown = axial.images[0].get_array()
    k = int(axial.get_title().split("=")[1].split()[0]) - int(head.origin[2])
    putamen = np.argwhere(head.labels[:, :, k] == 51).mean(0)
    x0, x1, y0, y1 = axial.images[0].get_extent()
    assert shown[round(putamen[1]), round(putamen[0])] == TISSUES.index("deep-grey")
    assert x0 + (x1 - x0) * (putamen[0] + 0.5) / shown.shape[1] == pytest.approx(putamen[0] + head.origin[0])
    assert y0 + (y1 - y0) * (putamen[1] + 0.5) / shown.shape[0] == pytest.approx(putamen[1] + head.origin[1])


def test_the_words_tell_volumes_and_sides(head):
    assert "deep-grey 67 mL" in in_words(head)
    assert "Regions named left lie 28 mm left of the middle." in in_words(head)
    mirrored = replace(head, labels=head.labels[::-1])
    assert "Regions named left lie 28 mm right of the middle." in in_words(mirrored)


def test_a_picture_is_written_where_it_was_asked_for_and_nowhere_else(tmp_path):
    told = describe_labels("dk-aseg", out=tmp_path / "dk.png")
    assert "deep-grey" in told
    assert (tmp_path / "dk.png").read_bytes().startswith(b"\x89PNG")
    for wrong in ("gone/dk.png", "dk.nii"):
        with pytest.raises(InputError, match=r"name the picture \.png"):
            describe_labels("dk-aseg", out=tmp_path / wrong)
