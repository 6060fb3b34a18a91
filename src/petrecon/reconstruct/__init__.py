"""Reconstruction: from counts to an image in kBq/mL.

Every algorithm is a function of the counts `y` and a `petrecon.projectors.AcquisitionModel`; leading batch
dimensions always work; a `callback(iteration, image)` sees every iterate and may end the iteration. Start
with `mlem`, then `osem`, `map_em`.
"""

from petrecon.reconstruct.bowsher import Bowsher
from petrecon.reconstruct.fbp import fbp
from petrecon.reconstruct.filters import gaussian_filter
from petrecon.reconstruct.likelihood import em_ratio, poisson_nll
from petrecon.reconstruct.mapem import map_em
from petrecon.reconstruct.mlem import em_step, mlem
from petrecon.reconstruct.osem import balanced_subsets, osem
from petrecon.reconstruct.penalties import penalty_by_name
from petrecon.reconstruct.penalty import Penalty
from petrecon.reconstruct.quadratic import Quadratic
from petrecon.reconstruct.relative_difference import RelativeDifference
from petrecon.reconstruct.smoothed_tv import SmoothedTV

__all__ = [
    "Bowsher",
    "Penalty",
    "Quadratic",
    "RelativeDifference",
    "SmoothedTV",
    "balanced_subsets",
    "em_ratio",
    "em_step",
    "fbp",
    "gaussian_filter",
    "map_em",
    "mlem",
    "osem",
    "penalty_by_name",
    "poisson_nll",
]
