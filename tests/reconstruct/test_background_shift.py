"""The uniform activity that the background can explain: in every bin, not on average."""

from __future__ import annotations

import pytest
import torch

from petrecon.deq import dynamic_problem
from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct import Quadratic, map_em
from petrecon.reconstruct.majorise import background_shift
from petrecon.reconstruct.mapem import objective


def uneven(model, seed=0, empty=False):
    """Return the model with a background that varies tenfold from bin to bin."""
    shape = model.sinogram_shape
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    background = float(model.background.mean()) * (0.1 + 2 * noise)
    if empty:
        background[shape[0] // 2, 3] = 0.0
    return AcquisitionModel(
        model.projector, resolution=model.resolution, scale=model.scale, attenuation=0.5 + noise / 2,
        background=background,
    )  # fmt: skip


def of_deq(model):
    """The same shift as a dynamic problem of one frame has it."""
    frames = AcquisitionModel(
        model.projector, resolution=model.resolution, scale=model.scale[None], attenuation=model.attenuation,
        background=model.background[None],
    )  # fmt: skip
    return dynamic_problem(torch.ones(1, 1, *model.sinogram_shape, dtype=torch.float64), frames).shift[0]


@pytest.mark.parametrize("shift_of", [background_shift, of_deq])
def test_the_shift_is_the_largest_that_no_bin_of_the_background_contradicts(model, shift_of):
    """A z <= b in every bin that sees the image, with equality in one of them; none at all where one bin has none."""
    whole = uneven(model)
    expected = whole.linear(shift_of(whole).expand(whole.image_shape).contiguous())
    share = expected / whole.background
    assert float(share.max()) == pytest.approx(1.0, rel=1e-9)
    assert float(share.mean()) < 0.5
    assert float(shift_of(uneven(model, empty=True))) == 0.0


def test_the_objective_never_rises_with_an_uneven_background(model, image):
    """The shifted surrogate lies above the likelihood only while no bin's background is exceeded."""
    rough = uneven(model)
    y = torch.poisson(rough(image), generator=torch.Generator().manual_seed(4))
    penalty, values = Quadratic(0.02), []
    map_em(y, rough, penalty, 15, callback=lambda k, x: values.append(objective(x, y, rough, penalty)))
    assert (torch.diff(torch.stack(values)) <= 1e-9 * values[0].abs()).all()
