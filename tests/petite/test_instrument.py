"""How each scanner reconstructs: a row of the table per scanner, applied to an exam."""

import pytest
import torch
import yaml

from petrecon.errors import CardError
from petrecon.petite import protocols
from petrecon.petite.protocols import reconstruction_of
from petrecon.projectors import AcquisitionModel, GaussianResolution, scanner_names


def test_a_protocol_may_ignore_the_resolution(machine):
    """Images of a protocol without it are those of a model without it; with it they differ."""
    generator = torch.Generator().manual_seed(3)
    geometry = machine.geometry
    resolution = GaussianResolution(geometry.image_shape, geometry.voxel_size, 20.0)
    counts = torch.poisson(torch.full(geometry.sinogram_shape, 20.0), generator=generator)
    sharp = AcquisitionModel(machine.projector, background=1.0)
    model = AcquisitionModel(machine.projector, background=1.0, resolution=resolution)
    knows, ignores = machine.reconstruction, machine.reconstruction.model_copy(update={"resolution_model": False})
    assert knows.resolution_model
    torch.testing.assert_close(ignores.reconstruct(counts, model), knows.reconstruct(counts, sharp))
    assert not torch.allclose(knows.reconstruct(counts, model), ignores.reconstruct(counts, model), rtol=0.01)


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
