"""Filtered back projection of a 2D sinogram."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from petrecon.errors import InputError
from petrecon.projectors import AcquisitionModel
from petrecon.reconstruct.likelihood import check_sinogram


def fbp(y: Tensor, model: AcquisitionModel, *, cutoff: float = 1.0) -> Tensor:
    """Reconstruct one ring by filtered back projection.

    The data are corrected first, (y - b) / (scale · N · L), then arc-corrected (interpolated from the ring's uneven
    radial positions to even ones), filtered with the ramp (band-limited in space, apodised by a Hann window that ends
    at `cutoff`), brought back to the ring's bins and back projected with the projector's own adjoint:
    x = (pi / views) Pᵀ(q · ds) / pixel area. Resolution is not deconvolved. Negative values are kept.

    Parameters
    ----------
    y : Tensor, shape (..., radial, views)
        Prompt counts; noise-free or precorrected values may be negative.
    model : AcquisitionModel
        Of one ring.
    cutoff : float
        End of the Hann window as a fraction of the Nyquist frequency, in (0, 1].

    Returns
    -------
    Tensor, shape (..., x, y)
        Activity in kBq/mL.

    Raises
    ------
    InputError
        For a 3D model (use MLEM or OSEM there), a sinogram of another shape or kind, or a cutoff outside (0, 1].

    Notes
    -----
    Source: Kak and Slaney 1988, chapter 3 (band-limited ramp, eq. 61).

    Examples
    --------
    >>> import torch
    >>> from petrecon.projectors import AcquisitionModel, load_scanner, make_projector
    >>> ring = load_scanner("biograph-truepoint").geometry("quick", dims=2, image_shape=(20, 24), voxel_size=(9.0, 9.0))
    >>> model = AcquisitionModel(make_projector(ring), scale=0.1)
    >>> square = torch.zeros(20, 24)
    >>> square[6:14, 8:16] = 5.0
    >>> image = fbp(model(square), model)
    >>> image.shape, bool(abs(image[8:12, 10:14].mean() - 5) < 0.2)
    (torch.Size([20, 24]), True)
    """
    geometry = model.projector.geometry
    if geometry.dims != 2 or len(geometry.sinogram_shape) != 2:
        raise InputError("FBP is for one ring; reconstruct a 3D sinogram with MLEM or OSEM")
    check_sinogram(y, geometry.sinogram_shape)
    if not 0 < cutoff <= 1:
        raise InputError(f"cutoff is a fraction of the Nyquist frequency in (0, 1], got {cutoff}")
    factors = model.factors.to(y)
    corrected = torch.where(factors > 0, (y - model.background.to(y)) / factors.clamp_min(1e-30), 0.0)
    position = torch.as_tensor(geometry.radial_positions(), device=y.device)
    spacing = float(position.diff(dim=0).median())
    reach = int(torch.ceil(position.abs().max() / spacing))
    even = spacing * torch.arange(-reach, reach + 1, device=y.device).double()[:, None].expand(-1, position.shape[1])
    filtered = _resample(_ramp(_resample(corrected, position, even), spacing, cutoff), even, position)
    width = torch.gradient(position, dim=0)[0].to(y.dtype)
    views = geometry.sinogram_shape[1]
    area = float(np.prod(geometry.voxel_size))
    return torch.pi / views * model.projector.adjoint(filtered * width) / area


def _ramp(sinogram: Tensor, spacing: float, cutoff: float) -> Tensor:
    """Ramp-filter along the radial axis (second to last); values per mm² of the input's unit · mm."""
    n = sinogram.shape[-2]
    size = int(2 ** np.ceil(np.log2(2 * n)))
    lag = np.fft.fftfreq(size, 1.0 / size)
    kernel = np.zeros(size)
    kernel[0] = 1 / (4 * spacing**2)
    odd = np.abs(lag) % 2 == 1
    kernel[odd] = -1 / (np.pi * lag[odd] * spacing) ** 2
    response = np.fft.rfft(kernel).real * spacing
    frequency = np.fft.rfftfreq(size) / 0.5
    response = response * np.where(frequency <= cutoff, 0.5 * (1 + np.cos(np.pi * frequency / cutoff)), 0.0)
    spectrum = torch.fft.rfft(sinogram, size, dim=-2)
    shaped = torch.as_tensor(response, dtype=sinogram.dtype, device=sinogram.device)[:, None]
    return torch.fft.irfft(spectrum * shaped, size, dim=-2)[..., :n, :]


def _resample(sinogram: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """Interpolate every view linearly from radial positions `source` to `target`, both (radial, views) and ascending.

    Zero outside the source's range.
    """
    above = torch.searchsorted(source.T.contiguous(), target.T.contiguous()).T.clamp(1, len(source) - 1)
    low, high = source.gather(0, above - 1), source.gather(0, above)
    weight = ((target - low) / (high - low)).to(sinogram.dtype)
    inside = (target >= source[0] - 1e-9) & (target <= source[-1] + 1e-9)
    index = above.expand(*sinogram.shape[:-2], *above.shape)
    values = sinogram.gather(-2, index - 1) * (1 - weight) + sinogram.gather(-2, index) * weight
    return torch.where(inside, values, torch.zeros((), dtype=sinogram.dtype, device=sinogram.device))
