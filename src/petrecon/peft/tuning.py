"""Put a recipe into a network, and take it out again."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from petrecon.errors import ParameterError
from petrecon.peft.batchnorm import freeze_statistics, release_statistics
from petrecon.peft.methods import check_sizes, insert
from petrecon.peft.parts import architecture_of
from petrecon.peft.recipes import Recipe, check_feasible, part_of


@dataclass
class Tuning:
    """What was done to a network, enough to undo it; kept as `network.tuning`.

    Attributes
    ----------
    recipe, seed
        As given to `apply`.
    owners : dict
        The module and attribute of each parameter and buffer of the base network, by its name before anything was
        inserted. They stay valid when the network moves to another device.
    originals : dict
        Copies of those that the recipe trains in place.
    replaced : dict
        The modules whose place was taken, by name.
    trainable : dict
        Which base parameters required gradient before.
    merged : dict
        Inserted modules set aside by `merge`, by name.
    """

    recipe: Recipe
    seed: int
    owners: dict[str, tuple[nn.Module, str]]
    originals: dict[str, Tensor]
    replaced: dict[str, nn.Module]
    trainable: dict[str, bool]
    merged: dict[str, nn.Module] = field(default_factory=dict)


def tuning_of(network: nn.Module) -> Tuning | None:
    """Return what `apply` did to a network, or None.

    Parameters
    ----------
    network : module
        Any.

    Returns
    -------
    Tuning or None
    """
    return getattr(network, "tuning", None)


def base_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Return the parameters and buffers of a network by name, those of the base if a recipe was applied."""
    tuning = tuning_of(network)
    owners = tuning.owners if tuning else _owners(network)
    return {name: getattr(module, leaf) for name, (module, leaf) in owners.items()}


def _owners(network: nn.Module) -> dict[str, tuple[nn.Module, str]]:
    names = [name for name, _ in (*network.named_parameters(), *network.named_buffers())]
    return {name: (network.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2]) for name in names}


def set_module(network: nn.Module, name: str, module: nn.Module) -> None:
    """Put a module in the place of the one with this name."""
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, module)


def apply_recipe(network: nn.Module, recipe: Recipe, seed: int = 0) -> nn.Module:
    """Put a recipe into a network, in place: insert its modules, freeze the rest, free what it trains.

    The network computes exactly what it did before, and exactly the recipe's parameters require gradient.

    Parameters
    ----------
    network : nn.Module
        From `petrecon.models.build`.
    recipe : Recipe
    seed : int
        Of the random halves of LoRA and adapters. The global random state is left as it was.

    Returns
    -------
    nn.Module
        The same network.

    Raises
    ------
    ParameterError
        If the network already has a recipe, or this one is not feasible or too large for a layer; the network is then
        unchanged.

    Examples
    --------
    >>> from petrecon.models import UNETRSpec, build
    >>> from petrecon.peft import count
    >>> network = build(UNETRSpec(patch=(32, 32, 16), hidden=16, mlp=32, heads=2, feature=4)).eval()
    >>> x = torch.zeros(1, 1, 32, 32, 16)
    >>> before = network(x)
    >>> torch.equal(apply_recipe(network, Recipe("lora", bitfit=True))(x), before)
    True
    >>> found = count(network)
    >>> found.trainable < found.total / 5
    True
    """
    if tuning_of(network) is not None:
        raise ParameterError("this network already has a recipe: remove(network) first")
    architecture = architecture_of(network)
    check_feasible(architecture, recipe)
    chosen = [(part_of(architecture, p), m) for p, m in (("encoder", recipe.encoder), ("decoder", recipe.decoder)) if m]
    for part, method in chosen:
        check_sizes(network, part, method, recipe)

    owners, base = _owners(network), base_tensors(network)
    was_trainable = {name: p.requires_grad for name, p in network.named_parameters()}
    inserted: dict[str, nn.Module] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for part, method in chosen:
            inserted |= insert(network, part, method, recipe)
    replaced = {name: network.get_submodule(name) for name in inserted}
    like = next(network.parameters())
    for name, module in inserted.items():
        set_module(network, name, module.to(like.device, like.dtype).train(network.training))

    in_place = _trained_in_place(network, recipe, was_trainable, replaced)
    ours = {id(tensor) for tensor in base.values()}
    for parameter in network.parameters():
        parameter.requires_grad_(id(parameter) not in ours)
    for name in in_place:
        base[name].requires_grad_(True)
    if recipe.batchnorm == "frozen":
        freeze_statistics(network)
    kept = [*in_place, *(adapting_statistics(base) if recipe.batchnorm == "adapt" else ())]
    originals = {name: base[name].detach().clone() for name in kept}
    network.tuning = Tuning(recipe, seed, owners, originals, replaced, was_trainable)  # type: ignore[assignment]
    return network


def _trained_in_place(
    network: nn.Module, recipe: Recipe, names: dict[str, bool], replaced: dict[str, nn.Module]
) -> list[str]:
    """Return the base parameters that the recipe trains where they are."""
    if recipe.full:
        return list(names)
    if not recipe.bitfit:
        return []
    # a layer norm that is tuned has a copy of its own in force; the bias of the base's is not in use there
    tuned = {name for name in replaced if hasattr(network.get_submodule(name), "ln_tuning_layers")}
    return [n for n in names if n.rpartition(".")[2] == "bias" and n.rpartition(".")[0] not in tuned]


def adapting_statistics(base: dict[str, Tensor]) -> list[str]:
    """Return the names of the running statistics of batch norms."""
    return [n for n in base if n.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked")]


def remove(network: nn.Module) -> nn.Module:
    """Take a recipe out of a network, in place: it is the base again, bit for bit. Without a recipe, do nothing.

    Parameters
    ----------
    network : module
        With or without a recipe; changed in place.

    Returns
    -------
    module
        The same network.
    """
    tuning = tuning_of(network)
    if tuning is None:
        return network
    for name, module in tuning.replaced.items():
        set_module(network, name, module.train(network.training))
    release_statistics(network)
    base = base_tensors(network)
    with torch.no_grad():
        for name, value in tuning.originals.items():
            base[name].copy_(value)
    for name, wanted in tuning.trainable.items():
        base[name].requires_grad_(wanted)
    del network.tuning
    return network
