"""Penalties by name."""

from __future__ import annotations

from petrecon.errors import ParameterError, did_you_mean
from petrecon.reconstruct.neighbours import VoxelSize
from petrecon.reconstruct.penalty import Penalty
from petrecon.reconstruct.quadratic import Quadratic
from petrecon.reconstruct.relative_difference import RelativeDifference
from petrecon.reconstruct.smoothed_tv import SmoothedTV

PENALTIES: dict[str, type[Quadratic] | type[RelativeDifference] | type[SmoothedTV]] = {
    "quadratic": Quadratic,
    "rdp": RelativeDifference,
    "tv": SmoothedTV,
}


def penalty_by_name(name: str, strength: float, dims: int = 2, voxel_size: VoxelSize | None = None) -> Penalty:
    """Return the penalty called 'quadratic', 'rdp' or 'tv'.

    Parameters
    ----------
    name : str
    strength : float
        In (kBq/mL)^-2 of 'quadratic', in mL/kBq of the others.
    dims : int
        Number of image axes.
    voxel_size : tuple of float, optional
        In mm, one per image axis: without it they are taken as equal.

    Returns
    -------
    Penalty

    Raises
    ------
    ParameterError
        For another name, a strength that is negative or not finite, or a voxel size that does not fit.
    """
    if name not in PENALTIES:
        raise ParameterError(f"there is no penalty {name!r}.{did_you_mean(name, PENALTIES)}")
    return PENALTIES[name](strength, dims, voxel_size=voxel_size)
