"""Ordered-subsets expectation maximisation (OSEM)."""

from __future__ import annotations

from torch import Tensor

from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct.likelihood import check_counts, finite
from petrecon.reconstruct.mlem import em_step, start_image
from petrecon.reconstruct.progress import Callback, counted


def osem(
    y: Tensor,
    model: AcquisitionModel,
    epochs: int = 4,
    subsets: int = 8,
    x0: Tensor | None = None,
    *,
    callback: Callback | None = None,
    progress: bool = False,
) -> Tensor:
    """Reconstruct by OSEM: one EM step per subset of views, all subsets once per epoch.

    One epoch costs about one MLEM iteration and moves about as far as `subsets` of them; with one subset it *is* MLEM.
    It does not converge to the maximum likelihood, but to a small cycle around it. Source: Hudson and Larkin 1994.

    Parameters
    ----------
    y : Tensor, shape (..., *sinogram_shape)
        Prompt counts.
    model : AcquisitionModel
    epochs, subsets : int
        `subsets` must divide the number of views.
    x0, callback, progress
        As in `mlem`; the callback is called once per epoch.

    Returns
    -------
    Tensor, shape (..., *image_shape)
        Activity in kBq/mL.

    Raises
    ------
    InputError
        On unusable counts, a number of subsets that does not divide the views, or a result that is not finite.
    """
    check_counts(y, tuple(model.linear.out_shape))
    x = start_image(y, model, x0)
    models = [model] if subsets == 1 else model.subset_models(subsets)
    parts = [y] if subsets == 1 else model.split(y, subsets)
    order = _spread(subsets)
    for k in counted(epochs, "OSEM", progress):
        for n in order:
            x = em_step(x, parts[n], models[n])
        if callback is not None:
            callback(k, x)
    return finite(x, "OSEM")


def balanced_subsets(views: int, wanted: int) -> int:
    """Return the largest number of equal subsets of `views` that is not above `wanted` (at least 1)."""
    return max(n for n in range(1, max(1, wanted) + 1) if views % n == 0)


def _spread(count: int) -> list[int]:
    """Order subsets so that neighbours in time are far apart in angle (step near the golden section, coprime)."""
    from math import gcd

    step = max(1, round(count * 0.618))
    while gcd(step, count) != 1:
        step += 1
    return [(n * step) % count for n in range(count)]
