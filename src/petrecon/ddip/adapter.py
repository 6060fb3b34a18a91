"""A score network whose weights are adapted to each slice of a batch by itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from petrecon.ddip.settings import DDIPSettings
from petrecon.peft.lora import low_rank_factors, merged_weights


class SliceAdapter:
    """One set of trainable weights per slice stack, over one network that is never modified.

    The trainable tensors of all B stacks are one matrix, (B, P): AdamW is elementwise, so one optimiser holds B
    independent ones, and a batch gives what a loop over its stacks gives. The network is called with weights made from
    a row, `W + BA` for LoRA, so it is as before whatever happens here.

    Parameters
    ----------
    network : nn.Module
        (x_t, t, mr) -> predicted noise.
    settings : DDIPSettings
    batch : int
        B.
    seed : int
        Draws LoRA's A, alike for all stacks.

    Attributes
    ----------
    theta : Tensor, (B, P)
        Trainable numbers; P = 0 columns when `adapt` is "none".
    """

    def __init__(self, network: nn.Module, settings: DDIPSettings, batch: int, seed: int) -> None:
        self.network, self.settings = network, settings
        self._start = {k: v.to(next(network.parameters()).device) for k, v in _start(network, settings, seed).items()}
        self._sizes = [v.numel() for v in self._start.values()]
        row = [v.reshape(-1) for v in self._start.values()]
        flat = torch.cat(row) if row else torch.empty(0)
        self.theta = flat.repeat(batch, 1).requires_grad_(bool(row))
        self._optimiser: torch.optim.Optimizer | None = None

    @property
    def adapts(self) -> bool:
        """Whether there is anything to train."""
        return bool(self._start)

    def predict(self, x_t: Tensor, t: int, mr: Tensor) -> Tensor:
        """Return the noise each stack's own network predicts, (B, S, X, Y); differentiable in `theta`."""
        level = torch.full((len(x_t),), t, dtype=torch.long, device=x_t.device)
        if not self.adapts:
            predicted: Tensor = self.network(x_t, level, mr)
        elif len(x_t) == 1:
            predicted = functional_call(self.network, self._weights(self.theta[0]), (x_t, level, mr))
        else:
            predicted = vmap(self._predict_one)(self.theta, x_t, level, mr)
        return predicted

    def new_optimiser(self) -> None:
        """Forget the moments of AdamW."""
        self._optimiser = torch.optim.AdamW(
            [self.theta], lr=self.settings.learning_rate, weight_decay=self.settings.weight_decay, fused=True
        )

    def step(self, losses: Tensor) -> None:
        """Take one AdamW step on each stack's loss, (B,), with each stack's gradient cut to the norm `clip`."""
        if self._optimiser is None:
            self.new_optimiser()
        assert self._optimiser is not None
        (gradient,) = torch.autograd.grad(losses.sum(), self.theta)
        norm = gradient.norm(dim=1, keepdim=True)
        self.theta.grad = gradient * (self.settings.clip / (norm + 1e-6)).clamp_max(1.0)
        self._optimiser.step()
        self.theta.grad = None

    def _predict_one(self, theta: Tensor, x_t: Tensor, level: Tensor, mr: Tensor) -> Tensor:
        weights = self._weights(theta)
        predicted: Tensor = functional_call(self.network, weights, (x_t[None], level[None], mr[None]))
        return predicted[0]

    def _weights(self, theta: Tensor) -> dict[str, Tensor]:
        parts = theta.split(self._sizes)
        named = {k: part.view(v.shape) for (k, v), part in zip(self._start.items(), parts, strict=True)}
        return merged_weights(self.network, named) if self.settings.adapt == "lora" else named


def _start(network: nn.Module, settings: DDIPSettings, seed: int) -> dict[str, Tensor]:
    """Return the trainable tensors at the start, by name."""
    own = {k: v.detach() for k, v in network.named_parameters()}
    if settings.adapt == "full":
        return own
    if settings.adapt == "biases":
        return {k: v for k, v in own.items() if k.endswith("bias")}
    if settings.adapt == "lora":
        return low_rank_factors(network, settings.rank, settings.targets, seed=seed)
    return {}
