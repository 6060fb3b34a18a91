"""The shared projectors are the scanner's: forward, adjoint and ordered subsets."""

import pytest
import torch
import yaml

from petrecon.errors import CardError
from petrecon.petite import protocols
from petrecon.petite.protocols import reconstruction_of
from petrecon.projectors import AcquisitionModel, make_projector, scanner_names
from petrecon.reconstruct import osem


@pytest.fixture(scope="module")
def whole(machine):
    return make_projector(machine.geometry)


def test_interleaved_views_are_the_projector(machine, whole):
    x = torch.rand(2, *machine.geometry.image_shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(machine.projector(x), whole(x))
    y = torch.rand(2, *machine.geometry.sinogram_shape, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(machine.projector.adjoint(y), whole.adjoint(y))


def test_shared_subsets_reconstruct_as_rebuilt_ones(machine, whole):
    """OSEM through `SharedModel` equals OSEM through subsets that the acquisition model builds itself."""
    generator = torch.Generator().manual_seed(2)
    attenuation = torch.rand(machine.geometry.sinogram_shape, generator=generator)
    options = {"scale": torch.tensor([0.5, 2.0]), "background": torch.rand(whole.out_shape, generator=generator)}
    counts = torch.poisson(torch.full((2, *whole.out_shape), 20.0), generator=generator)
    shared = machine.model(attenuation, **options)
    rebuilt = AcquisitionModel(whole, attenuation=attenuation, resolution=machine.resolution, **options)
    n = len(machine.projector.parts)
    assert n == 7
    torch.testing.assert_close(osem(counts, shared, 1, n), osem(counts, rebuilt, 1, n))
    torch.testing.assert_close(osem(counts, shared, 1, 4), osem(counts, rebuilt, 1, 4))


def test_a_model_has_all_that_its_subsets_have(machine):
    """Sensitivities and expected counts of the subsets make up the whole, with a normalisation that varies."""
    generator = torch.Generator().manual_seed(4)
    attenuation, normalisation, background = (
        torch.rand(machine.geometry.sinogram_shape, generator=generator) for _ in range(3)
    )
    model = machine.model(attenuation, normalisation=normalisation + 0.1, background=background, scale=1.5)
    x = torch.rand(model.image_shape, generator=generator)
    n = len(machine.projector.parts)
    for subsets in (n, 2):
        models = model.subset_models(subsets)
        torch.testing.assert_close(sum(m.sensitivity() for m in models), model.sensitivity())
        for part, expected in zip(models, model.split(model(x), subsets), strict=True):
            torch.testing.assert_close(part(x), expected)
    assert [m.projector for m in model.subset_models(n)] == machine.projector.parts


def test_reconstruction_may_ignore_the_resolution(machine):
    attenuation = torch.ones(machine.geometry.sinogram_shape)
    assert machine.reconstruction.resolution_model
    assert machine.model(attenuation, reconstructing=True).resolution is machine.resolution
    blind = type(machine)(**{**vars(machine), "reconstruction": reconstruction_of("gemini")})
    assert blind.model(attenuation, reconstructing=True).resolution is None
    assert blind.model(attenuation).resolution is machine.resolution


def test_every_scanner_has_its_own_reconstruction():
    rows = [reconstruction_of(name) for name in scanner_names()]
    assert len(set(rows)) == len(rows)
    assert reconstruction_of("my-scanner") == reconstruction_of("other")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "scanners.gemini.epochs' is 0"),
        ({"filter_fwhm_mm": None}, "scanners.gemini.filter_fwhm_mm' is None"),
        ({"resolution_model": 1}, "resolution_model' is 1: give true or false"),
        ({"subset": 3}, "scanners.gemini.subset' is unknown"),
    ],
)
def test_a_bad_row_is_refused_by_field(tmp_path, monkeypatch, change, message):
    table = yaml.safe_load((protocols.data_dir() / "reconstruction-protocols.yml").read_text())
    table["scanners"]["gemini"].update(change)
    (tmp_path / "reconstruction-protocols.yml").write_text(yaml.safe_dump(table))
    monkeypatch.setattr(protocols, "data_dir", lambda: tmp_path)
    with pytest.raises(CardError, match=message):
        reconstruction_of("gemini")
