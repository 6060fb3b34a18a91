"""Maximum-likelihood expectation maximisation (MLEM)."""

from __future__ import annotations

import torch
from torch import Tensor

from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct.likelihood import check_counts, finite
from petrecon.reconstruct.majorise import em_back_projection, start_image
from petrecon.reconstruct.progress import Callback, counted, ends


def em_step(x: Tensor, y: Tensor, model: AcquisitionModel) -> Tensor:
    r"""Return one EM update, x_j / s_j · [Aᵀ (y / (A x + b))]_j with s = Aᵀ1.

    Parameters
    ----------
    x : Tensor, (..., *image_shape)
        Activity [kBq/mL], >= 0; zeros stay zero.
    y : Tensor, (..., *sinogram_shape)
        Prompt counts.
    model : AcquisitionModel

    Returns
    -------
    Tensor, (..., *image_shape)
        Voxels with s_j = 0 are zero.

    Notes
    -----
    Source: Shepp and Vardi 1982; Lange and Carson 1984.
    """
    sensitivity = model.sensitivity()
    back = em_back_projection(y, model(x), model)
    return torch.where(sensitivity > 0, x * back / sensitivity.clamp_min(torch.finfo(x.dtype).tiny), 0.0)


def mlem(
    y: Tensor,
    model: AcquisitionModel,
    iterations: int = 20,
    x0: Tensor | None = None,
    *,
    callback: Callback | None = None,
    progress: bool = False,
) -> Tensor:
    """Reconstruct by MLEM.

    Minimises L(x) = sum ybar - y log ybar over x >= 0 with ybar = A x + b (counts). The likelihood never
    decreases, and without background every iterate explains exactly the measured number of counts: sum(A x) =
    sum(y).

    Parameters
    ----------
    y : Tensor, shape (..., *sinogram_shape)
        Prompt counts.
    model : AcquisitionModel
        Gives A and the expected background b.
    iterations : int
    x0 : Tensor, shape (..., *image_shape), optional
        Start image in kBq/mL; flat by default.
    callback : callable (iteration, image) -> bool or None, optional
        Sees every iterate, from iteration 1; returns True to end there.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    Tensor, shape (..., *image_shape)
        Activity in kBq/mL.

    Raises
    ------
    InputError
        On counts or a start image that cannot be used, or a result that is not finite.

    Examples
    --------
    >>> import torch
    >>> from petrecon.projectors import AcquisitionModel, load_scanner, make_projector
    >>> ring = load_scanner("biograph-truepoint").geometry("quick", dims=2, image_shape=(20, 24), voxel_size=(9.0, 9.0))
    >>> model = AcquisitionModel(make_projector(ring), scale=0.1, background=1.0)
    >>> counts = model(torch.full((20, 24), 5.0))
    >>> image = mlem(counts, model, iterations=3)
    >>> image.shape, round(float(image.mean()), 2)
    (torch.Size([20, 24]), 5.0)

    Eight noisy scans at once, stopped by a callback after two iterations:

    >>> noisy = torch.poisson(counts.expand(8, *counts.shape))
    >>> mlem(noisy, model, iterations=50, callback=lambda k, x: k == 2).shape
    torch.Size([8, 20, 24])
    """
    check_counts(y, tuple(model.linear.out_shape))
    x = start_image(y, model, x0)
    for k in counted(iterations, "MLEM", progress):
        x = em_step(x, y, model)
        if ends(callback, k, x):
            break
    return finite(x, "MLEM")
