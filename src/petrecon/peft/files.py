"""Adapter files: what a recipe trained, with the base it belongs to."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from petrecon.errors import InputError, MissingError, ParameterError
from petrecon.peft.parts import architecture_of
from petrecon.peft.recipes import Recipe
from petrecon.peft.tuning import adapting_statistics, apply_recipe, base_tensors, remove, tuning_of
from petrecon.provenance.atomic import atomic_path

_FORMAT = "petrecon-adapter-1"


def fingerprint(network: nn.Module) -> str:
    """Return the SHA-256 of a base network's weights and buffers, the same before and after a recipe was trained.

    Parameters
    ----------
    network : module
        From `petrecon.models.build`, with or without a recipe.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    tuning = tuning_of(network)
    originals = tuning.originals if tuning else {}
    digest = hashlib.sha256()
    for name, tensor in sorted(base_tensors(network).items()):
        value = originals.get(name, tensor).detach().cpu().contiguous()
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _tuned_tensors(network: nn.Module, recipe: Recipe) -> dict[str, Tensor]:
    """Return what a recipe trains in a network it was applied to, by name."""
    found: dict[str, Tensor] = {name: p for name, p in network.named_parameters() if p.requires_grad}
    if recipe.batchnorm == "adapt":
        buffers = dict(network.named_buffers())
        found |= {name: buffers[name] for name in adapting_statistics(buffers)}
    return found


def save_adapter(network: nn.Module, path: str | Path) -> int:
    """Write what the recipe trained, atomically, with recipe, architecture, widths and the base's fingerprint.

    Parameters
    ----------
    network : module
        With a recipe (`apply_recipe`), not merged.
    path : path
        The ``.safetensors`` file to write.

    Returns
    -------
    int
        Bytes written.

    Raises
    ------
    ParameterError
        If no recipe was applied, it trains nothing, or it is merged.
    """
    from safetensors.torch import save

    tuning = tuning_of(network)
    if tuning is None or tuning.merged:
        raise ParameterError("there is no adapter to save: apply(network, recipe) first, unmerge(network) if merged")
    tensors = {n: t.detach().cpu().contiguous() for n, t in _tuned_tensors(network, tuning.recipe).items()}
    if not tensors:
        raise ParameterError("there is no adapter to save: this recipe trains nothing")
    about = {
        "format": _FORMAT,
        "architecture": architecture_of(network),
        "spec": json.dumps(_spec(network)),
        "recipe": json.dumps(asdict(tuning.recipe)),
        "seed": str(tuning.seed),
        "base": fingerprint(network),
    }
    data = save(tensors, metadata=about)
    with atomic_path(Path(path)) as partial:
        partial.write_bytes(data)
    return len(data)


def load_adapter(network: nn.Module, path: str | Path) -> Recipe:
    """Switch a base network to the adapter in a file, in place; one that is in force is removed first.

    Parameters
    ----------
    network : module
        The base, from `petrecon.models.build` or `petrecon.petite.load_source`.
    path : path
        Written by `save_adapter`.

    Returns
    -------
    Recipe

    Raises
    ------
    MissingError
        If there is no such file.
    InputError
        If it is not an adapter file, or belongs to another architecture, other widths or another base network (the
        message says which); the network is then unchanged. If the file does not fit its own recipe the network is left
        without an adapter.
    """
    path = Path(path)
    about, tensors = _read(path)
    _check_belongs(path, about, network)
    recipe = _recipe(path, about)
    remove(network)
    apply_recipe(network, recipe, seed=int(about["seed"]))
    own = _tuned_tensors(network, recipe)
    wrong = sorted(
        n for n in own.keys() | tensors.keys() if n not in own or n not in tensors or own[n].shape != tensors[n].shape
    )
    if wrong:
        remove(network)
        raise InputError(f"the adapter {path.name} does not fit its recipe at '{wrong[0]}': restore the file")
    with torch.no_grad():
        for name, tensor in tensors.items():
            own[name].copy_(tensor)
    return recipe


def _spec(network: nn.Module) -> dict[str, Any]:
    spec: Any = network.spec
    return {"architecture": spec.architecture, **asdict(spec)}


def _recipe(path: Path, about: dict[str, str]) -> Recipe:
    try:
        settings: dict[str, Any] = json.loads(about["recipe"])
        settings["prompts"] = None if settings["prompts"] is None else tuple(settings["prompts"])
        return Recipe(**settings)
    except (KeyError, TypeError, ValueError, ParameterError) as error:
        raise InputError(f"the adapter {path.name} has a recipe that is not known here: save it again") from error


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise MissingError(f"there is no adapter file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read as an adapter file: restore it") from error
    if about.get("format") != _FORMAT:
        raise InputError(f"{path.name} is not an adapter file: give one written by save_adapter")
    return about, tensors


def _check_belongs(path: Path, about: dict[str, str], network: nn.Module) -> None:
    own = architecture_of(network)
    if about["architecture"] != own:
        raise InputError(f"the adapter {path.name} is for {about['architecture']}, not for {own}")
    theirs, ours = json.loads(about["spec"]), json.loads(json.dumps(_spec(network)))
    for key in ours:
        if theirs.get(key) != ours[key]:
            raise InputError(f"the adapter {path.name} is for {key} {theirs.get(key)}, this network has {ours[key]}")
    base = fingerprint(network)
    if about["base"] != base:
        raise InputError(
            f"the adapter {path.name} belongs to another base network: it was trained on weights {about['base'][:12]}…,"
            f" these are {base[:12]}…"
        )
