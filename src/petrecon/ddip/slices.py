"""Slices of simulated heads to train a score network on: PET in [0, 1] beside its MR."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from petrecon.ddip.scale import scale_of
from petrecon.errors import InputError
from petrecon.phantoms import SPLITS, Subject, activity, make_subject


@dataclass(frozen=True)
class SlicePool:
    """Many heads cut at many heights; the uptake is drawn anew each time one is used.

    Attributes
    ----------
    stacks : tuple of tuple of Subject
        One or three adjacent slices each.
    tracer : str
    """

    stacks: tuple[tuple[Subject, ...], ...]
    tracer: str

    def draw(self, count: int, seed: int, scale_jitter: float = 0.1) -> tuple[Tensor, Tensor]:
        """Return PET and MR of `count` random stacks, each (count, slices, X, Y).

        PET is divided by `scale_of` the stack, times a factor within ± `scale_jitter`, so that the network forgives a
        scale found from noisy data. Half of the heads are mirrored left to right.
        """
        chance = random.Random(seed)
        pet, mr = [], []
        for _ in range(count):
            stack = self.stacks[chance.randrange(len(self.stacks))]
            uptake = chance.randrange(2**31)
            images = torch.stack([activity(s, self.tracer, uptake) for s in stack])
            scale = scale_of(images, stack[0].voxel_size).mean() * (1 + scale_jitter * chance.uniform(-1, 1))
            mirror = [1] if chance.random() < 0.5 else []
            pet.append((images / scale).flip(mirror))
            mr.append(torch.stack([s.mr for s in stack]).flip(mirror))
        return torch.stack(pet), torch.stack(mr)


def slice_pool(
    tracer: str,
    split: str,
    count: int,
    seed: int,
    *,
    image_shape: Sequence[int],
    voxel_size: float,
    heights_mm: tuple[float, float],
    slices: int = 1,
    spacing_mm: float = 2.0312,
    progress: bool = False,
) -> SlicePool:
    """Cut `count` random heads of one split at random heights.

    Parameters
    ----------
    tracer : str
        Tracer card.
    split : str
        ``train``, ``validation`` or ``test``: the splits share no anatomy.
    count, seed : int
    image_shape, voxel_size :
        Grid; a warp that pushes the head out of it is drawn again.
    heights_mm : (low, high)
        Range of heights above the AC–PC plane, mm.
    slices : int
        1, or 3 adjacent slices.
    spacing_mm : float
        Distance between adjacent slices, mm (2.0312 on the Biograph mMR).
    """
    from petrecon.reconstruct.progress import counted

    chance = random.Random(seed)
    stacks = []
    for _ in counted(count, "heads", progress):
        for _attempt in range(20):
            anatomy, warp = chance.choice(SPLITS[split]), chance.randrange(2**31)
            middle = chance.uniform(*heights_mm)
            heights = [middle + (k - slices // 2) * spacing_mm for k in range(slices)]
            try:
                stack = tuple(
                    make_subject(anatomy, warp, image_shape=image_shape, voxel_size=voxel_size, slice_mm=h)
                    for h in heights
                )
                break
            except InputError:
                continue
        else:
            raise InputError(f"no head of the split '{split}' fits on {tuple(image_shape)} voxels of {voxel_size} mm")
        stacks.append(stack)
    return SlicePool(tuple(stacks), tracer)
