import numpy as np
import pytest

from petrecon.errors import InputError
from petrecon.phantoms.label_tables import FREE_NUMBER, FREESURFER, load_label_table

HEAD = "number,name,tissue,side\n"


def write(folder, text, encoding="utf-8"):
    path = folder / "mine.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "its first line must name the columns number, name, tissue"),
        ("number,name\n1,a\n", "no tissue"),
        ("1,Putamen,deep-grey,left\n", "its first line must name the columns"),
        (HEAD, "holds no rows"),
        (HEAD + "one,a,grey,\n", "line 2: number 'one' is not a whole number"),
        (HEAD + "1.5,a,grey,\n", "number '1.5' is not a whole number"),
        (HEAD + "-1,a,grey,\n", "number '-1' is not a whole number"),
        (HEAD + "1,a,gray,\n", "line 2: tissue 'gray' is not known. Did you mean 'grey'?"),
        (HEAD + "1,a,,\n", "tissue '' is not known"),
        (HEAD + "1,,grey,\n", "line 2: has no name"),
        (HEAD + "1,a,grey,middle\n", "line 2: side 'middle' is not known; write left, right, or nothing"),
        (HEAD + "1,left a,grey,right\n", "'left-a' cannot lie on the right"),
        (HEAD + "1,a,grey,\n\n1,b,white,\n", "line 4: number 1 comes twice"),
        (HEAD + "1,a,grey,\n2,A,white,\n", "a is grey in one row and white in that of 2; name them apart"),
        (HEAD + "0,a,grey,\n", "0 is the background"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(InputError) as caught:
        load_label_table(write(tmp_path, text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "mine.csv" in str(caught.value)


def test_a_table_that_is_no_text_or_no_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a readable text file"):
        load_label_table(write(tmp_path, HEAD + "1,é,grey,\n", "latin-1"))
    with pytest.raises(InputError, match="a folder, not a file"):
        load_label_table(tmp_path)
    with pytest.raises(InputError, match="no such file; give a CSV file"):
        load_label_table(tmp_path / "gone.csv")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_columns_may_come_in_any_order_and_with_any_usual_separator(tmp_path, separator, encoding):
    text = "Side,Tissue,colour,Number,Name\nL,deep-grey,red,7,Putamen\n,grey,blue,9,Temporal_Pole mid\n"
    table = load_label_table(write(tmp_path, text.replace(",", separator), encoding))
    assert table.rows == {0: ("air", "air"), 7: ("left-putamen", "deep-grey"), 9: ("temporal-pole-mid", "grey")}


def test_a_number_of_freesurfers_means_in_a_users_table_what_the_table_says(tmp_path):
    """Number 2 is FreeSurfer's white matter; here it is cortex, and no trace of white matter is left."""
    rows = ["2,Rectus,grey,left", "3,Putamen,deep-grey,left", "4,Putamen,deep-grey,right", "5,rest,air,"]
    text = HEAD + "\n".join([*rows, "165,Insula,grey,left"])
    labels, regions = load_label_table(write(tmp_path, text)).translate(np.array([[[0, 2, 3, 4, 5, 165]]], np.int32))
    assert [regions[int(n)] for n in labels.ravel()] == [
        ("air", "air"),
        ("left-rectus", "grey"),
        ("left-putamen", "deep-grey"),
        ("right-putamen", "deep-grey"),
        ("air", "air"),
        ("left-insula", "grey"),
    ]
    assert labels.ravel().tolist() == [0, FREE_NUMBER + 1, 12, 51, 0, 1035]


def test_freesurfers_numbers_stay_and_unknown_ones_are_grey():
    labels, regions = FREESURFER.translate(np.array([[[0, 2, 7777]]], np.int32))
    assert labels.ravel().tolist() == [0, 2, 7777]
    assert regions[7777] == ("label-7777", "grey")
