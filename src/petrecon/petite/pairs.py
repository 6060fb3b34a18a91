"""Short and long scans of a population on one scanner, made once and kept on disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from petrecon.errors import InputError
from petrecon.petite.exams import exam_key, simulate
from petrecon.petite.instrument import Instrument, instrument
from petrecon.petite.population import Member
from petrecon.phantoms.exam_inputs import check_dose
from petrecon.provenance.cache import cached
from petrecon.reconstruct.progress import counted


@dataclass(frozen=True, eq=False)
class ScanPairs:
    """Volumes of N members of one scanner's population, (N, X, Y, Z); kBq/mL but for `brain`.

    Attributes
    ----------
    short, long : float32 tensors
        5-minute and 30-minute scan.
    ideal : float32 tensor
        Reconstruction of noise-free counts.
    truth : float32 tensor
        True activity, mean over the frames.
    brain : bool tensor
        Brain without CSF.
    members : tuple of Member
    voxel_size : tuple of float
        mm.
    dose : float
    """

    short: Tensor
    long: Tensor
    ideal: Tensor
    truth: Tensor
    brain: Tensor
    members: tuple[Member, ...]
    voxel_size: tuple[float, ...]
    dose: float

    def __len__(self) -> int:
        return len(self.members)

    @property
    def units(self) -> dict[str, list[str]]:
        """What the members are, for `petrecon.metrics.interval`: heads, warped anew for each, of a few donors."""
        heads = [str(m.number) for m in self.members]
        return {"donors": [m.anatomy for m in self.members], "heads": heads}

    @property
    def scanner(self) -> str:
        """Name of the scanner."""
        return self.members[0].scanner

    @property
    def grid(self) -> tuple[int, ...]:
        """Voxels along x, y and z."""
        return tuple(self.short.shape[1:])

    def select(self, chosen: Iterable[Member | int]) -> ScanPairs:
        """Return some of the members, by place or as `Member`.

        Raises
        ------
        InputError
            If a member is not among these.
        """
        places = {m: i for i, m in enumerate(self.members)}
        wanted = list(chosen)
        missing = [m for m in wanted if isinstance(m, Member) and m not in places]
        if missing:
            raise InputError(f"{missing[0]} is not among these {len(self)} subjects: load it first")
        index = [places[m] if isinstance(m, Member) else m for m in wanted]
        volumes = {f.name: getattr(self, f.name)[index] for f in fields(self)[:5]}
        return ScanPairs(
            **volumes, members=tuple(self.members[i] for i in index), voxel_size=self.voxel_size, dose=self.dose
        )


def load_pairs(
    members: Sequence[Member], dose: float = 1.0, *, coarsening: str = "quick", progress: bool = False
) -> ScanPairs:
    """Return the exams of members of one scanner, simulating those that are not on disk yet.

    An interrupted call continues where it stopped; a damaged file is made again.

    Parameters
    ----------
    members : sequence of Member
    dose : float
        Fraction of the scanner's reference exam.
    coarsening : str
        Of the scanner: quick, laptop or paper.
    progress : bool
        Show a bar while simulating.

    Raises
    ------
    InputError
        For no member, or members of several scanners.
    ParameterError
        If the dose or coarsening is out of range.
    """
    if not members:
        raise InputError("no subjects: a set of exams needs at least one")
    scanners = sorted({m.scanner for m in members})
    if len(scanners) > 1:
        raise InputError(f"subjects of {' and '.join(scanners)} cannot share one grid: load each scanner by itself")
    check_dose(dose)
    machine = instrument(scanners[0], coarsening)
    found = []
    for _, member in zip(counted(len(members), f"exams on {scanners[0]}", progress), members, strict=True):
        found.append(_exam(member, machine, float(dose)))
    stacked = {name: torch.stack([v[name] for v in found]) for name in found[0]}
    return ScanPairs(**stacked, members=tuple(members), voxel_size=machine.geometry.voxel_size, dose=float(dose))


def _exam(member: Member, machine: Instrument, dose: float) -> dict[str, Tensor]:
    """Return one member's volumes from the cache, in half precision there (relative rounding 5e-4, far below noise)."""

    def make() -> dict[str, np.ndarray]:
        volumes = simulate(member, machine, dose)
        return {k: v.numpy() if v.dtype == torch.bool else v.numpy().astype(np.float16) for k, v in volumes.items()}

    name = f"{member.scanner}-{member.split}-{member.number}"
    stored = cached("exams", name, exam_key(member, machine, dose), __name__, make)
    return {k: torch.from_numpy(a if a.dtype == bool else a.astype(np.float32)) for k, a in stored.items()}
