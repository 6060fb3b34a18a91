"""What a bad scanner card is told."""

from __future__ import annotations

import copy

import pytest
import yaml

from petrecon.errors import CardError
from petrecon.paths import data_dir
from petrecon.projectors import load_scanner, scanner_names
from petrecon.projectors.scanner import read_scanner_card

GOOD = yaml.safe_load((data_dir() / "scanners" / "biograph-mmr.yaml").read_text())


def changed(path, value):
    """The good card with one value replaced; None removes it."""
    card = copy.deepcopy(GOOD)
    *groups, field = path.split("/")
    part = card
    for group in groups:
        part = part[group]
    if value is None:
        del part[field]
    else:
        part[field] = value
    return card


@pytest.mark.parametrize("name", scanner_names())
def test_every_card_of_the_project_is_good(name):
    scanner = load_scanner(name)
    assert scanner.name == name
    assert 0 < scanner.scatter_fraction < 1
    assert scanner.reference_exam.injected_mbq == 185


def test_the_five_scanners_of_the_papers_have_cards():
    assert scanner_names() == ["biograph-mmr", "biograph-truepoint", "ecat-hrplus", "gemini", "hrrt"]


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("rings", None, "'rings' is missing"),
        ("rigns", 3, "'rigns' is unknown. Did you mean 'rings'"),
        ("radius_mm", -328, "'radius_mm' is -328: it must lie between 10 and 1000 .from a scanner for mice"),
        ("radius_mm", float("nan"), "'radius_mm' is nan: give a finite number"),
        ("radius_mm", "wide", "'radius_mm' is 'wide': give a number"),
        ("radius_mm", True, "'radius_mm' is True: give a number"),
        ("rings", 64.5, "'rings' is 64.5: give a whole number"),
        (
            "depth_of_interaction_mm",
            -1,
            "'depth_of_interaction_mm' is -1: it must lie between 0 and 50",
        ),
        (
            "resolution_fwhm_mm",
            430.0,
            "'resolution_fwhm_mm' is 430.0: .* every PET scanner resolves less",
        ),
        (
            "scatter_fraction",
            37.9,
            "'scatter_fraction' is 37.9: it must be at least 0 and below 1 .a fraction is .* 0.35",
        ),
        ("radial_bins", 304, "'radial_bins' is 304: it must be odd"),
        ("radial_bins", 449, "at most 447"),
        ("modules", 2, "'modules' is 2: it must lie between 3 and 1000 .a ring has at least 3"),
        ("module_width_mm", 40.0, "'module_width_mm' is 40.0: modules overlap, at most 36"),
        ("max_ring_difference", 64, "'max_ring_difference' is 64: with 64 rings it is at most 63"),
        ("image_shape", [344, 344, 127], "'image_shape' and voxel_mm make an image 718 mm wide"),
        ("image_shape", [256, 256], "'image_shape' is .256, 256.: give a list of 3"),
        ("voxel_mm", [2.0, 0, 2.0], "'voxel_mm' is 0: it must lie between 0.1 and 50"),
        ("rings", 10**9, "'rings' is 1000000000: it must lie between 1 and 2000 .the longest"),
        ("resolution_fwhm_mm", 1e-4, "'resolution_fwhm_mm' is 0.0001: it must lie between 0.2 and 30 .positron range"),
        ("profiles/quick/2d/image_shape", [10**5, 10**5], "'profiles.quick.2d.image_shape' is 100000: it must lie"),
        ("voxel_mm", [2.0, 1e-3, 2.0], "'voxel_mm' is 0.001: it must lie between 0.1 and 50"),
        ("sensitivity_cps_per_kbq", 5000, "'sensitivity_cps_per_kbq' is 5000: .*1 kBq decays 1000 times a second"),
        ("reference/net_trues_millions", 1e8, "'reference.net_trues_millions' .*millions of counts, not counts"),
        ("reference/duration_s", 1e7, "'reference.duration_s' .*give seconds"),
        ("name", "mmr", "'name' is 'mmr' in a file named 'biograph-mmr'"),
        ("title", "", "'title' is '': must be text"),
        ("reference/duration_s", None, "'reference.duration_s' is missing"),
        ("reference/net_trues_millions", 0, "'reference.net_trues_millions' is 0"),
        ("reference", 3, "'reference' is 3: must be a group"),
        ("profiles/quick", None, "'profiles.quick' is missing"),
        ("profiles/quick/2d/radial_bins", 60, "'profiles.quick.2d.radial_bins' is 60: it must be odd"),
        ("profiles/quick/2d/radius_mm", 300, "'profiles.quick.2d.radius_mm' is unknown"),
        ("profiles/laptop/3d/rings", 2, "'profiles.laptop.3d.max_ring_difference' is 2"),
        ("profiles/laptop/2d/image_shape", [400, 400], "'profiles.laptop.2d.image_shape'"),
        (
            "profiles/quick/3d/image_shape",
            [64, 64],
            "'profiles.quick.3d.image_shape' and voxel_size need 3 values each",
        ),
        ("sources/scatter_fraction", None, "'sources.scatter_fraction' is missing"),
        ("sources/reference.duration_s", None, "'sources.reference.duration_s' is missing"),
        ("sources/profiles", None, "'sources.profiles.laptop.2d.crystals_per_module' is missing"),
        ("sources/rings", " ", "'sources.rings' is ' ': must be text .say where"),
        ("sources/ring", "a paper", "'sources.ring' is the source of no number.* Did you mean 'rings'"),
    ],
)
def test_a_bad_card_names_card_field_and_cure(path, value, says):
    with pytest.raises(CardError, match=says) as error:
        read_scanner_card(changed(path, value), "biograph-mmr")
    assert "scanner card 'biograph-mmr'" in str(error.value)
    assert "\n" not in str(error.value)


def test_one_source_for_a_group_serves_all_its_numbers():
    card = changed("sources/reference.duration_s", None)
    for field in ("net_trues_millions", "injected_mbq"):
        del card["sources"][f"reference.{field}"]
    card["sources"]["reference"] = "this project: assumed"
    read_scanner_card(card, "biograph-mmr")


@pytest.mark.parametrize("text", ["- 1\n- 2\n", "", "just text"])
def test_a_file_that_is_no_card_is_refused(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(CardError, match="do as the cards in data/scanners"):
        load_scanner(path)


def test_broken_yaml_is_refused_in_one_line(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: [mine\nrings: 3\n")
    with pytest.raises(CardError, match="not valid YAML") as error:
        load_scanner(path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CardError, match="cannot be read"):
        load_scanner(tmp_path / "absent.yaml")


def test_a_card_of_ones_own_is_a_scanner(tmp_path):
    card = {**GOOD, "name": "mine", "title": "Mine"}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(card))
    assert load_scanner(path).geometry("quick").sinogram_shape == (59, 112)


def test_every_number_of_the_cards_has_bounds_and_says_why():
    from petrecon.cards import _declared, _limits
    from petrecon.projectors.cards import _numbers
    from petrecon.projectors.scanner import Scanner

    card = load_scanner("biograph-mmr").model_dump(by_alias=True)
    for path in (path for path in _numbers(card) if not path.startswith("profiles.")):
        place = (*path.split("."), 0) if path in ("image_shape", "voxel_mm") else tuple(path.split("."))
        info = _declared(Scanner, place)[2]
        assert " and " in _limits(info), path
        assert info.description, path


def test_a_key_that_is_there_twice_is_refused(tmp_path):
    """A second `scatter_fraction: 0.01` at the end used to win without a word."""
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**GOOD, "name": "mine"}) + "scatter_fraction: 0.01\n")
    with pytest.raises(CardError, match="'scatter_fraction' is there twice, in lines"):
        load_scanner(path)
