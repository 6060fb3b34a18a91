"""Weight files: safetensors that carry what they belong to, refused when damaged or of another architecture."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from petrecon import paths
from petrecon.errors import InputError, MissingError
from petrecon.provenance.atomic import atomic_path
from petrecon.provenance.reads import note_file
from petrecon.provenance.weight_receipts import made_of


def save_weights(
    path: str | Path,
    network: nn.Module | Mapping[str, Tensor],
    kind: str,
    spec: Mapping[str, Any],
    *,
    made_by: str | None = None,
    **about: Any,
) -> str:
    """Write a network's state in half precision, atomically, with its receipt beside it (``.json``).

    Parameters
    ----------
    path : path
        The ``.safetensors`` file.
    network : module or state dict
    kind : str
        Architecture, e.g. ``score``.
    spec : mapping
        What the network is built from.
    made_by : str, optional
        Module of the training: the receipt then holds its code, the files it read and the packages (see
        `petrecon.provenance.weight_receipts`).
    about
        Further entries of the receipt: training card, seed, losses, seconds.

    Returns
    -------
    str
        SHA-256 of the file.
    """
    from safetensors.torch import save

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    state = network.state_dict() if isinstance(network, nn.Module) else network
    halves = {k: (v.half() if v.is_floating_point() else v).contiguous().cpu() for k, v in state.items()}
    data = save(halves, metadata={"kind": kind, "spec": json.dumps(dict(spec), sort_keys=True)})
    digest = hashlib.sha256(data).hexdigest()
    receipt = {
        "file": path.name,
        "sha256": digest,
        "kind": kind,
        "spec": dict(spec),
        **(made_of(made_by) if made_by else {}),
        **about,
    }
    text = json.dumps(receipt, indent=1, sort_keys=True, ensure_ascii=False, default=str) + "\n"
    for target, content in ((path, data), (path.with_suffix(".json"), text.encode())):
        with atomic_path(target) as partial:
            partial.write_bytes(content)
    return digest


def load_weights(path: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a weight file, in single precision; it becomes an input of the run.

    Parameters
    ----------
    path : path
        The ``.safetensors`` file.
    kind : str
        Architecture that is wanted, e.g. ``score``.

    Returns
    -------
    spec : dict
        What the network is built from.
    state : dict of tensor

    Raises
    ------
    MissingError
        If there is no such file.
    InputError
        If the file is damaged, differs from its receipt, lies in ``data/weights`` without one, or holds another kind
        of network; the message gives both.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise MissingError(f"there are no weights {path.name}: run 'petrecon train {path.stem}' to make them")
    receipt = path.with_suffix(".json")
    if receipt.is_file():
        _check_hash(path, receipt)
    elif path.resolve().parent == (paths.data_dir() / "weights").resolve():
        raise InputError(
            f"the weights {path.name} have no receipt {receipt.name} beside them: restore it, or keep weights of your "
            "own outside data/weights"
        )
    note_file(path.resolve() if not path.is_absolute() else path)
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            state = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f"the weights {path.name} cannot be read: restore the file or run 'petrecon train {path.stem}'"
        ) from error
    found = about.get("kind", "unknown")
    if found != kind:
        raise InputError(f"the weights {path.name} are of a '{found}' network, not of a '{kind}' network")
    return _spec(about, path.name), {k: v.float() if v.is_floating_point() else v for k, v in state.items()}


def _spec(about: Mapping[str, str], name: str) -> dict[str, Any]:
    """Return what the network is built from, as the file says."""
    try:
        spec = json.loads(about["spec"])
    except (KeyError, ValueError):
        spec = None
    if not isinstance(spec, dict):
        raise InputError(
            f"the weights {name} do not say what network they are of (metadata 'spec', a JSON mapping): write them "
            "with petrecon.models.save_weights"
        )
    return spec


def load_into(network: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Put a state into a network.

    Raises
    ------
    InputError
        If a tensor is missing, left over, of another shape or not finite; the first such is named.
    """
    own = network.state_dict()
    for key in sorted(own.keys() | state.keys()):
        if key not in state or key not in own:
            raise InputError(f"the weights {name} are of another architecture: '{key}' is only on one side")
        if own[key].shape != state[key].shape:
            raise InputError(
                f"the weights {name} are of another architecture: '{key}' has shape {tuple(state[key].shape)},"
                f" the network {tuple(own[key].shape)}"
            )
        if not torch.isfinite(state[key]).all():
            raise InputError(f"the weights {name} are not finite in '{key}': restore the file")
    network.load_state_dict(dict(state))


def _check_hash(path: Path, receipt: Path) -> None:
    try:
        wanted = json.loads(receipt.read_text(encoding="utf-8"))["sha256"]
    except (ValueError, KeyError) as error:
        raise InputError(f"the receipt {receipt.name} cannot be read: restore it") from error
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != wanted:
        raise InputError(
            f"the weights {path.name} have hash {found[:12]}…, their receipt says {wanted[:12]}…: restore the file or"
            f" run 'petrecon train {path.stem}'"
        )
