"""Another processor's rounding, simulated: `ROUNDING=1 pytest -p tests.rounding` moves results by an ulp or two.

Vector units, thread counts and library versions round sums differently. A test whose outcome depends on that proves
nothing, and on some machine it is red. This plugin moves the float32 result of every convolution, matrix product and
normalisation of a network, and of every projector, by up to two units in the last place, as a fixed function of the
value (so that what must repeat exactly still does). Another number in `ROUNDING` is another processor.
"""

import functools
import os

import torch
from torch.nn import functional

from petrecon.projectors.operator import LinearOperator

LAYERS = ["linear", "group_norm", "instance_norm", "layer_norm"]
LAYERS += [f"conv{kind}{dims}d" for kind in ("", "_transpose") for dims in (2, 3)]


def jittered(values, phase):
    """Return values moved by -1 to 2 units in the last place, which of these a hash of their bits decides."""
    if not isinstance(values, torch.Tensor) or values.dtype != torch.float32:
        return values
    with torch.no_grad():
        bits = values.detach().contiguous().view(torch.int32)
        draw = (bits ^ (phase * 0x01000193)) * -1640531527
        moved = (bits + ((draw >> 29) & 3) - 1).view(torch.float32)
        shift = torch.where(values.abs() > 1e-30, moved - values, 0.0)
    return values + shift


def pytest_configure(config):
    """Install the jitter for the whole run."""
    phase = int(os.environ.get("ROUNDING", "1"))

    def wrapped(compute):
        @functools.wraps(compute)
        def jittery(*args, **options):
            return jittered(compute(*args, **options), phase)

        return jittery

    for name in LAYERS:
        setattr(functional, name, wrapped(getattr(functional, name)))
    exact = LinearOperator._batched

    def batched(self, x, transposed):
        result = exact(self, x, transposed)
        is_identity = result.shape == x.shape and torch.equal(result, x)
        return result if is_identity else jittered(result, phase)

    LinearOperator._batched = batched
