"""The profiles: how large an experiment is, from the smallest; the grids on a scanner's card have these names too."""

from __future__ import annotations

from typing import Literal, get_args

Profile = Literal["quick", "laptop", "paper"]
PROFILES: tuple[Profile, ...] = get_args(Profile)
