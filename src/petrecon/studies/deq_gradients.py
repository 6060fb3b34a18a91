"""Gradients of a reconstruction by several ways, judged against central differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from petrecon.deq import Hyperparameters, Problem, mm_map

Array = NDArray[np.float64]
Loss = Callable[[Tensor], Tensor]


def flat(gradient: Hyperparameters) -> Array:
    """Return the derivatives by log η, log λ_t and log ε as one vector of T + 2 numbers."""
    return np.concatenate([np.atleast_1d(part.detach().numpy()) for part in gradient])


def moved(theta: Hyperparameters, n: int, by: float) -> Hyperparameters:
    """Return the parameters with one logarithm moved; `n` counts as `flat` does."""
    logs = torch.cat([part.reshape(-1) for part in theta])
    logs[n] += by
    return Hyperparameters(logs[0], logs[1:-1], logs[-1])


def gradient_errors(found: Mapping[str, tuple[Array, str]], numeric: Array) -> pd.DataFrame:
    """Return how far each gradient is from central differences.

    Parameters
    ----------
    found : mapping of label to ((n,) array, str)
        A gradient, and the products it took.
    numeric : (n,) array
        Central differences of the same parameters.

    Returns
    -------
    DataFrame
        With columns gradient, relative error, norm / true norm, cosine, wrong signs, products.
    """
    size = np.linalg.norm
    return pd.DataFrame(
        {
            "gradient": label,
            "relative error": size(values - numeric) / size(numeric),
            "norm / true norm": size(values) / size(numeric),
            "cosine": values @ numeric / size(values) / size(numeric),
            "wrong signs": int((np.sign(values) != np.sign(numeric)).sum()),
            "products": cost,
        }
        for label, (values, cost) in found.items()
    )


def torchdeq_gradient(problem: Problem, theta: Hyperparameters, x: Tensor, loss: Loss) -> Array | None:
    """Return the gradient that torchdeq gives with its defaults; None where it is not installed.

    Parameters
    ----------
    problem : Problem
    theta : Hyperparameters
    x : tensor
        Where its iteration starts.
    loss : callable
        The image's loss.
    """
    try:
        from torchdeq import get_deq
    except ImportError:
        return None
    free = Hyperparameters(*(part.clone().requires_grad_() for part in theta))
    layers, _ = get_deq()(lambda image: mm_map(image, problem, free), x)
    return flat(Hyperparameters(*torch.autograd.grad(loss(layers[-1]), free)))
