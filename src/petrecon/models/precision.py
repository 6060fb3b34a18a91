"""In which precision a training computes its forward passes: bfloat16 where the processor has it, or float32."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from petrecon.errors import ParameterError, did_you_mean

PRECISIONS = ("auto", "float32")


def has_bfloat16(device: str) -> bool:
    """Return whether a kind of device ("cpu" or "cuda") multiplies matrices of bfloat16 in its hardware."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    known = (getattr(torch.cpu, f"_is_{unit}_supported", None) for unit in ("amx_tile", "avx512_bf16"))
    return device == "cpu" and any(supported() for supported in known if supported is not None)


def forward_precision(precision: str, device: str) -> str:
    """Return "bfloat16" or "float32", the precision of a training's forward passes on a kind of device.

    Weights, their updates and the losses that are recorded stay float32, and so does every projector: bfloat16 only
    makes a training of a network faster, on a GPU and on processors with AMX or AVX512-BF16. Its 8 bits of mantissa
    are noise of 0.4 % in every layer, below that of the drawn patches and noise levels.

    Parameters
    ----------
    precision : {"auto", "float32"}
        "auto" takes bfloat16 where the hardware has it.
    device : str
        "cpu" or "cuda".

    Raises
    ------
    ParameterError
        For another precision.
    """
    if precision not in PRECISIONS:
        raise ParameterError(f"precision is {precision!r}.{did_you_mean(precision, PRECISIONS)}")
    return "bfloat16" if precision == "auto" and has_bfloat16(device) else "float32"


def in_precision(precision: str, device: str) -> AbstractContextManager[object]:
    """Return a context whose forward passes are of a precision that `forward_precision` returned."""
    return torch.autocast(device, torch.bfloat16) if precision == "bfloat16" else nullcontext()
