"""Another processor's rounding, simulated: `ROUNDING=1 pytest -p tests.rounding` moves results by an ulp or two.

Vector units, thread counts and library versions round sums differently. A test whose outcome depends on that proves
nothing, and on some machine it is red. This plugin changes the float32 result of every convolution, matrix product and
normalisation of a network and of every projector by a relative 2.4e-7 at most, as a fixed function of the value (so
that what must repeat exactly still does). Another number in `ROUNDING` is another processor.
"""

import functools
import os

import torch
from torch.nn import functional

from petrecon.projectors.operator import LinearOperator

STEP = 2.0**-22
LAYERS = ["linear", "group_norm", "instance_norm", "layer_norm"]
LAYERS += [f"conv{kind}{dims}d" for kind in ("", "_transpose") for dims in (2, 3)]


def jittered(values, phase):
    """Return values with their last two bits moved."""
    if not isinstance(values, torch.Tensor) or values.dtype != torch.float32:
        return values
    with torch.no_grad():
        shift = STEP * values * torch.sin(1e4 * values + phase)
    return values + shift


def pytest_configure(config):
    """Install the jitter for the whole run."""
    phase = float(os.environ.get("ROUNDING", "1"))

    def wrapped(compute):
        @functools.wraps(compute)
        def jittery(*args, **options):
            return jittered(compute(*args, **options), phase)

        return jittery

    for name in LAYERS:
        setattr(functional, name, wrapped(getattr(functional, name)))
    batched = LinearOperator._batched
    LinearOperator._batched = lambda self, x, transposed: jittered(batched(self, x, transposed), phase)
