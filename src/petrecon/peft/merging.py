"""Fold a recipe into the weights, so that the adapted network costs what the base costs."""

from __future__ import annotations

from torch import nn

from petrecon.errors import ParameterError
from petrecon.peft import stock
from petrecon.peft.inserted import Inserted
from petrecon.peft.tuning import set_module, tuning_of


def _plain(module: nn.Module) -> nn.Module | None:
    return module.merged() if isinstance(module, Inserted) else stock.merged(module)


def merge(network: nn.Module) -> list[str]:
    """Replace the inserted modules by plain ones that hold their update, in place.

    LoRA, DoRA, depthwise LoRA, SSF, (IA)³ and LayerNorm tuning fold into weights; adapters and prompts change the
    function and stay inserted. The output is the same up to rounding; `unmerge` restores the tuned network bit for
    bit.

    Parameters
    ----------
    network : module
        With a recipe (`apply_recipe`).

    Returns
    -------
    list of str
        Names of the modules that stay inserted.

    Raises
    ------
    ParameterError
        If no recipe was applied.
    """
    tuning = tuning_of(network)
    if tuning is None:
        raise ParameterError("there is nothing to merge: apply(network, recipe) first")
    staying = []
    for name in tuning.replaced:
        if name in tuning.merged:
            continue
        module = network.get_submodule(name)
        plain = _plain(module)
        if plain is None:
            staying.append(name)
            continue
        tuning.merged[name] = module
        set_module(network, name, plain.requires_grad_(False).train(network.training))
    return staying


def unmerge(network: nn.Module) -> None:
    """Undo `merge`, in place.

    Parameters
    ----------
    network : module
        Merged or not.
    """
    tuning = tuning_of(network)
    if tuning is None:
        return
    device = next(network.parameters()).device
    for name, module in tuning.merged.items():
        set_module(network, name, module.to(device).train(network.training))
    tuning.merged.clear()
