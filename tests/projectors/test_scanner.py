from __future__ import annotations

import numpy as np
import pytest

from petrecon.errors import CardError, InputError, ParameterError
from petrecon.projectors import load_scanner, scanner_names


@pytest.mark.parametrize("coarsening", ["laptop", "paper"])
def test_mmr_in_two_dimensions_is_the_ddip_setting(coarsening):
    geometry = load_scanner("biograph-mmr").geometry(coarsening)
    assert geometry.sinogram_shape == (129, 224)
    assert geometry.image_shape == (128, 128)
    assert geometry.voxel_size == (2.0863, 2.0863)


def test_truepoint_on_paper_is_the_deq_sinogram():
    geometry = load_scanner("biograph-truepoint").geometry("paper")
    assert geometry.sinogram_shape == (337, 336)
    assert geometry.voxel_size == (2.03642, 2.03642)


@pytest.mark.parametrize("name", scanner_names())
def test_every_coarsening_covers_a_head(name):
    """Image and lines reach 230 mm across, and quick is a few thousand lines."""
    scanner = load_scanner(name)
    for coarsening in ("quick", "laptop", "paper"):
        geometry = scanner.geometry(coarsening)
        width = geometry.image_shape[0] * geometry.voxel_size[0]
        reach = 2 * np.abs(geometry.radial_positions()).max(axis=0).min()
        assert width >= 228
        assert reach >= 228
    assert 5e3 < np.prod(scanner.geometry("quick").sinogram_shape) < 1.3e4


@pytest.mark.parametrize("name", scanner_names())
def test_coarser_scanners_keep_the_faces_and_the_axial_length(name):
    """Fewer, wider crystals on the same modules; fewer, wider rings over the same length."""
    scanner = load_scanner(name)
    native, quick = scanner.coarsened("paper", 3), scanner.coarsened("quick", 3)
    assert quick.modules == native.modules
    assert quick.module_width_mm == native.module_width_mm
    assert quick.apothem_mm == native.apothem_mm
    assert quick.detectors < native.detectors
    assert quick.rings * quick.ring_pitch_mm == pytest.approx(native.rings * native.ring_pitch_mm)


@pytest.mark.parametrize("name", scanner_names())
def test_volumes_lie_inside_the_scanner(name):
    scanner = load_scanner(name)
    for coarsening in ("quick", "laptop", "paper"):
        setting = scanner.coarsened(coarsening, 3)
        depth = setting.image_shape[2] * setting.slice_mm
        assert depth <= (setting.rings + 1) * setting.ring_pitch_mm


def test_quick_volume_has_the_lines_of_its_rings():
    geometry = load_scanner("biograph-mmr").geometry("quick", 3)
    assert geometry.sinogram_shape == (59, 112, 16 + 2 * 15)
    assert np.abs(geometry.lor_start[..., 2]).max() == pytest.approx(7.5 * 16.25)


def test_overrides_replace_the_coarsening():
    geometry = load_scanner("hrrt").geometry("quick", image_shape=(32, 40), voxel_size=(5.0, 5.5), radial_bins=21)
    assert (geometry.image_shape, geometry.voxel_size) == ((32, 40), (5.0, 5.5))
    assert geometry.sinogram_shape[0] == 21
    volume = load_scanner("hrrt").geometry("quick", 3, rings=1)
    assert volume.sinogram_shape[2] == 1


def test_a_scanner_counts_its_planes():
    assert load_scanner("biograph-mmr").planes == 127
    assert load_scanner("ecat-hrplus").planes == 63


def test_sources_can_be_read_beside_the_numbers():
    scanner = load_scanner("biograph-truepoint")
    assert scanner.reference_exam.net_trues_millions == 300
    assert "DEQ" in scanner.sources["reference.net_trues_millions"]


@pytest.mark.parametrize(
    ("name", "near"), [("biograph-mrm", "biograph-mmr"), ("hrtt", "hrrt"), ("ecat", "ecat-hrplus")]
)
def test_a_misspelt_scanner_names_the_nearest(name, near):
    with pytest.raises(CardError, match=f"Did you mean '{near}'"):
        load_scanner(name)


def test_an_unknown_scanner_names_them_all():
    with pytest.raises(CardError, match="biograph-mmr, biograph-truepoint, ecat-hrplus, gemini, hrrt"):
        load_scanner("zzzzzz")


def test_wrong_coarsening_dimensions_and_overrides_are_refused_by_name():
    scanner = load_scanner("hrrt")
    with pytest.raises(ParameterError, match="Did you mean 'laptop'"):
        scanner.geometry("labtop")
    with pytest.raises(ParameterError, match="dims is 4"):
        scanner.geometry("quick", 4)
    with pytest.raises(ParameterError, match="Did you mean 'voxel_size'"):
        scanner.geometry("quick", voxel_sice=2.0)
    with pytest.raises(InputError, match="scanner 'hrrt', radial_bins is 20: it must be odd"):
        scanner.geometry("quick", radial_bins=20)
    with pytest.raises(InputError, match="more than the ring"):
        scanner.geometry("quick", image_shape=(999, 999))
    with pytest.raises(InputError, match="3 values"):
        scanner.geometry("quick", 3, image_shape=(64, 64))


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"image_shape": (10**5, 10**5)}, "image_shape is 100000: it must lie between 1 and 1024"),
        ({"voxel_size": (1e-3, 1e-3)}, "voxel_mm is 0.001: it must lie between 0.1 and 50"),
        ({"radial_bins": 61.0}, "radial_bins is 61.0: give a whole number"),
        ({"crystals_per_module": True}, "crystals_per_module is True: give a whole number"),
    ],
)
def test_absurd_overrides_are_refused(overrides, says):
    with pytest.raises(InputError, match=says):
        load_scanner("biograph-mmr").geometry("quick", **overrides)
