"""Ordered-subsets expectation maximisation (OSEM)."""

from __future__ import annotations

from torch import Tensor

from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct.likelihood import check_counts, finite
from petrecon.reconstruct.majorise import start_image
from petrecon.reconstruct.mlem import em_step
from petrecon.reconstruct.progress import Callback, counted, ends


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

    One epoch costs about one MLEM iteration and moves about as far as `subsets` of them; with one subset it
    *is* MLEM. It does not converge to the maximum likelihood, but to a small cycle around it. Subsets that
    follow each other are far apart in angle, except with 4 or 6 of them: these are taken one after another,
    0, 3, 2, 1 and 0, 5, 4, 3, 2, 1. Source: Hudson and Larkin 1994.

    Parameters
    ----------
    y : Tensor, shape (..., *sinogram_shape)
        Prompt counts.
    model : AcquisitionModel
    epochs, subsets : int
        `subsets` must divide the number of views.
    x0, callback, progress
        As in `mlem`; the callback is called once per epoch, and may end it.

    Returns
    -------
    Tensor, shape (..., *image_shape)
        Activity in kBq/mL.

    Raises
    ------
    InputError
        On unusable counts, a number of subsets that does not divide the views, or a result that is not
        finite.

    Examples
    --------
    >>> import torch
    >>> from petrecon.projectors import AcquisitionModel, load_scanner, make_projector
    >>> ring = load_scanner("biograph-truepoint").geometry("quick", dims=2, image_shape=(20, 24), voxel_size=(9.0, 9.0))
    >>> model = AcquisitionModel(make_projector(ring), scale=0.1, background=1.0)
    >>> image = osem(model(torch.full((20, 24), 5.0)), model, epochs=2, subsets=balanced_subsets(ring.views, 8))
    >>> image.shape, round(float(image.mean()), 2)
    (torch.Size([20, 24]), 5.0)
    """
    check_counts(y, tuple(model.linear.out_shape))
    x = start_image(y, model, x0)
    models = [model] if subsets == 1 else model.subset_models(subsets)
    parts = [y] if subsets == 1 else model.split(y, subsets)
    order = _spread(subsets)
    for k in counted(epochs, "OSEM", progress):
        for n in order:
            x = em_step(x, parts[n], models[n])
        if ends(callback, k, x):
            break
    return finite(x, "OSEM")


def balanced_subsets(views: int, wanted: int) -> int:
    """Return the largest number of equal subsets of `views` that is not above `wanted`.

    Parameters
    ----------
    views, wanted : int
        Views of the sinogram, and the number of subsets that one would like.

    Returns
    -------
    int
        At least 1.
    """
    return max(n for n in range(1, max(1, wanted) + 1) if views % n == 0)


def _spread(count: int) -> list[int]:
    """Order subsets so that neighbours in time are far apart in angle: steps near the golden section, coprime.

    For 4 and 6 the first coprime step from there is count - 1: they come in sequence, backwards. Published
    images were made in this order, so it stays.
    """
    from math import gcd

    step = max(1, round(count * 0.618))
    while gcd(step, count) != 1:
        step += 1
    return [(n * step) % count for n in range(count)]
