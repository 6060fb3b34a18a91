"""Fixed points of batched maps: Anderson acceleration, and plain (Picard) iteration."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from petrecon.errors import ParameterError, PetreconError, did_you_mean

Map = Callable[[Tensor], Tensor]
GuardedMap = Callable[[Tensor], tuple[Tensor, Tensor]]
Restrict = Callable[[Tensor], Map] | Callable[[Tensor], GuardedMap]
"""From the indices of some samples to the map of these samples, (b, ...) -> (b, ...)."""


class NotConverged(PetreconError):
    """A solver stopped before its tolerance.

    Attributes
    ----------
    report : Report
        Says for which samples.
    """

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report


class Report(NamedTuple):
    """What a batched solver did, per sample.

    Attributes
    ----------
    converged : Tensor, (B,), bool
    iterations : Tensor, (B,), int64
        Each is one evaluation of the map (or product with the matrix) on one sample.
    residual : Tensor, (B,), float64
        Last relative residual.
    """

    converged: Tensor
    iterations: Tensor
    residual: Tensor

    @property
    def evaluations(self) -> int:
        """Cost: evaluations of the map on one sample, all samples together."""
        return int(self.iterations.sum())


def check_report(report: Report, on_failure: str, what: str) -> None:
    """Raise `NotConverged` unless all samples converged or `on_failure` is "report".

    Parameters
    ----------
    report : Report
    on_failure : {"raise", "report"}
    what : str
        Which solver, for the message.

    Raises
    ------
    NotConverged
        Naming the samples.
    ParameterError
        For another `on_failure`.
    """
    if on_failure not in ("raise", "report"):
        raise ParameterError(f"on_failure is {on_failure!r}.{did_you_mean(on_failure, ('raise', 'report'))}")
    if on_failure == "raise" and not bool(report.converged.all()):
        failed = (~report.converged).nonzero().flatten().tolist()
        worst = float(report.residual[failed].max())
        raise NotConverged(
            f"{what} did not converge for realisations {failed} in {int(report.iterations.max())} iterations "
            f"(relative residual {worst:.1e}): raise max_iterations or tol",
            report,
        )


def anderson(
    restrict: Restrict,
    x0: Tensor,
    *,
    tol: float,
    max_iterations: int = 1000,
    memory: int = 6,
    regularisation: float | None = None,
    relative: bool = True,
    floor: float | None = None,
    guarded: bool = False,
    on_failure: str = "raise",
    what: str = "the fixed-point iteration",
) -> tuple[Tensor, Report]:
    r"""Find :math:`x = f(x)` for every sample of a batch by Anderson acceleration (type II).

    With the residuals :math:`G = [f(x_i) - x_i]_i` of the last iterations of a sample,

    .. math:: x^+ = \sum_i \alpha_i f(x_i), \quad \alpha = \arg\min_{\sum\alpha=1} \|G\alpha\|^2
       + \rho\,\tfrac{\mathrm{tr}\,G^TG}{n} \|\alpha\|^2 .

    Scaling ρ by the trace makes it independent of the unit of x and of the progress made. Public implementations add an
    absolute ρ, which stalls as soon as the residuals are smaller than it (`relative=False` shows that). Coefficients
    and stopping are per sample, so a batch gives what a loop over its samples gives.

    Parameters
    ----------
    restrict : callable
        Gives the map of the samples still running; called again when some are finished.
    x0 : Tensor, (B, ...)
    tol : float
        On ‖f(x) - x‖ / ‖f(x)‖. It is not an accuracy: the distance to the fixed point is 100 times larger here.
    max_iterations : int
    memory : int
        Iterations remembered; 1 is plain iteration.
    regularisation : float, optional
        ρ; 1e-5 in float32 (above the rounding of GᵀG) and 1e-8 in float64 by default.
    relative : bool
        Scale ρ by the trace.
    floor : float, optional
        Keep x⁺ above `floor` · f(x): extrapolation must not throw a positive voxel to zero at once.
    guarded : bool
        The map returns (f(x), value (b,)) and never raises the value. Then an extrapolation that raised it is taken
        back: the sample goes on from its last f(x) with an empty memory. Without this, a voxel that was thrown far off
        can be held there for ever.
    on_failure : {"raise", "report"}
        Whether samples that did not converge raise, or are only marked in the report.

    Returns
    -------
    x : Tensor, (B, ...)
        The last f(x) of each sample.
    report : Report

    Raises
    ------
    NotConverged
        As `on_failure` says.
    """
    if memory < 1 or not tol > 0:
        raise ParameterError(f"memory is {memory} and tol {tol:g}: both must be above 0")
    batch, shape, single = len(x0), x0.shape[1:], x0.dtype == torch.float32
    rho = regularisation if regularisation is not None else 1e-5 if single else 1e-8
    slack = 1e-8 if single else 1e-12
    result = x0.clone()
    iterations = torch.zeros(batch, dtype=torch.int64)
    residuals = torch.full((batch,), math.inf, dtype=torch.float64)
    converged = torch.zeros(batch, dtype=torch.bool)
    running = torch.arange(batch)
    f = restrict(running)
    x = x0.detach().reshape(batch, -1)
    images, last = x.new_zeros(batch, memory, x.shape[1]), x
    errors = torch.zeros_like(images)
    gram = torch.zeros(batch, memory, memory, dtype=torch.float64, device=x.device)
    known = torch.zeros(batch, memory, dtype=torch.bool, device=x.device)
    best = torch.full((batch,), math.inf, dtype=torch.float64, device=x.device)
    for k in range(max_iterations):
        out: Any = f(x.reshape(-1, *shape))
        fx, value = out if guarded else (out, None)
        fx = fx.reshape(len(x), -1)
        slot = k % memory
        images[:, slot] = fx
        torch.sub(fx, x, out=errors[:, slot])
        row = torch.stack([e @ e[slot] for e in errors]).double()  # several times faster than one strided bmm
        gram[:, slot, :] = row
        gram[:, :, slot] = row
        known[:, slot] = True
        change = row[:, slot].sqrt() / fx.norm(dim=1).double().clamp_min(1e-300)
        raised = torch.zeros_like(known[:, 0])
        if value is not None:
            raised = (value > best + slack * best.abs()) & (known.sum(1) > 1)
            best = torch.where(raised, best, value)
            known &= ~raised[:, None]
        done = ((change <= tol) & ~raised).cpu()
        stopped = done | ~torch.isfinite(change).cpu()
        iterations[running] = k + 1
        residuals[running] = change.cpu()
        if bool(stopped.any()) or k + 1 == max_iterations:
            result[running] = torch.where(raised[:, None], last, fx).reshape(-1, *shape)
            converged[running] = done
        if bool(stopped.all()):
            break
        fx = torch.where(raised[:, None], last, fx) if bool(raised.any()) else fx
        if bool(stopped.any()):
            keep = (~stopped).nonzero().flatten()
            running, fx, best = running[keep], fx[keep], best[keep]
            images, errors, gram, known = images[keep], errors[keep], gram[keep], known[keep]
            f = restrict(running)
        last = fx
        alpha = _coefficients(gram, known, rho, relative).to(fx.dtype)
        x = torch.bmm(alpha[:, None], images)[:, 0]
        if floor is not None:
            x = torch.maximum(x, floor * fx)
        usable = known.any(1) & torch.isfinite(alpha).all(1)
        if not bool(usable.all()):
            x = torch.where(usable[:, None], x, fx)
    report = Report(converged, iterations, residuals)
    check_report(report, on_failure, what)
    return result, report


def picard(restrict: Restrict, x0: Tensor, *, tol: float, **options: object) -> tuple[Tensor, Report]:
    """Find the fixed point by plain iteration, x⁺ = f(x).

    Parameters
    ----------
    restrict, x0, tol
        As `anderson`.
    **options
        Other options of `anderson`, except `memory`.

    Returns
    -------
    x : Tensor, (B, ...)
        The last f(x) of each sample.
    report : Report

    Raises
    ------
    NotConverged
        As `on_failure` says.
    """
    return anderson(restrict, x0, tol=tol, memory=1, **options)  # type: ignore[arg-type]


def _coefficients(gram: Tensor, known: Tensor, rho: float, relative: bool) -> Tensor:
    """Return α (b, m): the minimiser of αᵀ(GᵀG + ρ I)α with Σα = 1, zero for iterations that are not known."""
    pairs = known[:, :, None] & known[:, None, :]
    eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    trace = (gram.diagonal(dim1=1, dim2=2) * known).sum(1)
    scale = (trace / known.sum(1).clamp_min(1)).clamp_min(1e-300)[:, None, None]
    matrix = torch.where(pairs, gram / scale, 0.0) + eye * torch.where(known, 0.0, 1.0)[:, :, None]
    matrix = matrix + rho * (eye if relative else eye / scale)
    alpha = torch.linalg.solve(matrix, known.to(gram.dtype))
    return alpha / alpha.sum(1, keepdim=True)
