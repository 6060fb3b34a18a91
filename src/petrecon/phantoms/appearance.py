"""What labels look like otherwise: a T1-weighted MR, and the attenuation of 511 keV photons."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from petrecon.phantoms.draws import generator, region_normal
from petrecon.phantoms.regions import Region

T1_SIGNAL = {
    "air": 0.0,
    "grey": 106.0,
    "white": 154.0,
    "deep-grey": 118.0,
    "cerebellum-grey": 106.0,
    "cerebellum-white": 154.0,
    "brainstem": 146.0,
    "csf": 48.0,
    "skull": 48.0,
    "scalp": 92.0,
}
"""T1 signal per tissue (8-bit scale): grey, white, CSF, skull and scalp as the `brainweb` Python package (C.
da Costa-Luis), deep grey between grey and white, and brainstem just under white (this project)."""

MU_PER_MM = {"air": 0.0, "skull": 0.0151}
MU_SOFT_PER_MM = 0.0096
"""Linear attenuation at 511 keV, 1/mm: water and soft tissue 0.0096, skull 0.0151 (Berger et al., NIST XCOM;
skull as used in Zaidi and Hasegawa, J Nucl Med 44:291, 2003)."""

MR_BLUR_MM, MR_BIAS, MR_NOISE, MR_CONTRAST_SD, MR_FULL_SCALE = 1.2, 0.10, 0.015, 0.03, 190.0


def mr_values(regions: dict[int, Region], seed: int) -> dict[int, float]:
    """Return the T1 signal (0–1) of each label: its tissue's, times a random factor of 3 % per region."""
    out = {}
    for label, region in regions.items():
        draw = region_normal(seed, region, "mr")
        out[label] = T1_SIGNAL[region.tissue] / MR_FULL_SCALE * (1 + MR_CONTRAST_SD * draw)
    return out


def mu_values(regions: dict[int, Region]) -> dict[int, float]:
    """Return the linear attenuation of each label, 1/mm."""
    return {label: MU_PER_MM.get(region.tissue, MU_SOFT_PER_MM) for label, region in regions.items()}


def finish_mr(mr: Tensor, voxel_size: tuple[float, ...], seed: int) -> Tensor:
    """Blur a painted MR, give it a smooth bias field and Rician noise; the result lies in [0, 1]."""
    from scipy import ndimage

    rng = generator(seed, "mr-field")
    image = ndimage.gaussian_filter(mr.numpy().astype(np.float64), [MR_BLUR_MM / 2.355 / s for s in voxel_size])
    slopes = rng.uniform(-1, 1, 3)
    curves = rng.uniform(-1, 1, 3)
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in mr.shape], indexing="ij", sparse=True)
    field = sum(s * a + c * (a**2 - 1 / 3) for s, c, a in zip(slopes, curves, axes, strict=False))
    image = image * np.exp(MR_BIAS * field / 2)
    image = np.hypot(image + MR_NOISE * rng.standard_normal(image.shape), MR_NOISE * rng.standard_normal(image.shape))
    return torch.from_numpy(np.clip(image, 0, 1).astype(np.float32))
