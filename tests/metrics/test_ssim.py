"""SSIM as its authors define it and as scikit-image computes it, on images where the variants differ visibly."""

from __future__ import annotations

import numpy as np
import pytest

from petrecon.metrics import ssim

# Faint texture that runs against the reference's: the covariance weighs about as much as the constant beside it
DRAW = np.random.default_rng(4)
TEXTURE = DRAW.normal(0, 0.02, (17, 19))
REFERENCE = 0.5 + TEXTURE
IMAGE = 0.5 - 0.8 * TEXTURE + DRAW.normal(0, 0.01, (17, 19))


def by_the_paper(x, y, span):
    """Wang et al. 2004, eqs. 13-17: 11 × 11 Gaussian weights of sd 1.5 with sum 1, at every place where they fit."""
    offset = np.arange(11) - 5
    w = np.exp(-(offset[:, None] ** 2 + offset[None, :] ** 2) / (2 * 1.5**2))
    w /= w.sum()
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    values = []
    for i, j in np.ndindex(x.shape[0] - 10, x.shape[1] - 10):
        a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
        ma, mb = (w * a).sum(), (w * b).sum()
        va, vb, cov = (w * (a - ma) ** 2).sum(), (w * (b - mb) ** 2).sum(), (w * (a - ma) * (b - mb)).sum()
        values.append((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    return float(np.mean(values))


def by_scikit_image(x, y, span, **options):
    from skimage.metrics import structural_similarity

    return float(structural_similarity(x, y, data_range=span, **options))


def test_gaussian_ssim_is_that_of_the_paper():
    gaussian = {"gaussian_weights": True, "sigma": 1.5}
    found = ssim(IMAGE, REFERENCE, 1.0)
    assert found == pytest.approx(by_the_paper(IMAGE, REFERENCE, 1.0), rel=1e-9)
    assert found == pytest.approx(
        by_scikit_image(IMAGE, REFERENCE, 1.0, **gaussian, use_sample_covariance=False), rel=1e-9
    )
    assert abs(found - by_scikit_image(IMAGE, REFERENCE, 1.0, **gaussian, use_sample_covariance=True)) > 1e-3


def test_uniform_ssim_is_scikit_images_default():
    """Seven voxels wide, sample covariance: what PETITE and DDIP call SSIM."""
    found = ssim(IMAGE, REFERENCE, 1.0, window="uniform")
    assert found == pytest.approx(by_scikit_image(IMAGE, REFERENCE, 1.0), rel=1e-9)
    assert abs(found - by_scikit_image(IMAGE, REFERENCE, 1.0, use_sample_covariance=False)) > 1e-3
    assert abs(found - ssim(IMAGE, REFERENCE, 1.0)) > 1e-3


def test_the_data_range_is_the_references_unless_given():
    """Swapping the two images changes the range, and nothing else."""
    span = float(np.ptp(REFERENCE))
    assert ssim(IMAGE, REFERENCE) == pytest.approx(by_the_paper(IMAGE, REFERENCE, span), rel=1e-9)
    assert ssim(3 * IMAGE, REFERENCE) == pytest.approx(by_the_paper(3 * IMAGE, REFERENCE, span), rel=1e-9)
    assert ssim(IMAGE, REFERENCE, 1.0) == pytest.approx(ssim(REFERENCE, IMAGE, 1.0), rel=1e-12)
