"""Source networks of the PETITE part: pre-trained on one scanner, shipped as weights, the base of every adapter."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import Field, model_validator
from torch import nn

from petrecon import paths
from petrecon.cards import Card, Fault, Text, load_card
from petrecon.errors import CardError, InputError, did_you_mean
from petrecon.models import CVTGANSpec, UNETRSpec, build, build_discriminator
from petrecon.models.shipped_trainings import load_training, training_names, weights_path
from petrecon.models.weights import load_into, load_weights, save_weights
from petrecon.petite.fit_network import fit
from petrecon.petite.pairs import load_pairs
from petrecon.petite.population import population
from petrecon.petite.scaling import SCALINGS
from petrecon.petite.settings import Settings, table4
from petrecon.profiles import Profile
from petrecon.provenance.reads import unnoticed

KIND = "petite"
SPECS: dict[str, type[UNETRSpec] | type[CVTGANSpec]] = {"unetr": UNETRSpec, "cvt-gan": CVTGANSpec}


class SourceCard(Card):
    """The training card of a source network."""

    cure: ClassVar[str] = "see data/training/unetr.yaml"

    name: Text
    kind: Text
    scanner: Text
    dose: float = Field(gt=0, le=4, description="a fraction of the scanner's reference exam")
    profile: Profile
    subjects: int = Field(ge=1, le=10000)
    held_out: int = Field(ge=1, le=10000)
    scaling: Text
    network: dict[str, Any]
    settings: dict[str, Any]

    @model_validator(mode="after")
    def _check_parts(self) -> SourceCard:
        for field in ("patch", "scaling"):
            if field in self.settings:
                raise Fault(f"settings.{field}", "is given twice: give it once, beside the settings")
        for field, value, known in (
            ("scaling", self.scaling, SCALINGS),
            ("network.architecture", self.network.get("architecture"), SPECS),
        ):
            if value not in known:
                raise Fault(field, f"is {value!r}.{did_you_mean(str(value), known)}")
        return self


@dataclass(frozen=True, eq=False)
class SourceNetwork:
    """A pre-trained network with what it was trained on.

    Attributes
    ----------
    name, scanner, scaling, coarsening : str
        Training card; scanner, scaling of its scans and coarsening of its detectors.
    dose : float
    spec : UNETRSpec or CVTGANSpec
    settings : Settings
        Of the pre-training.
    network, discriminator : module, module or None
        Never tuned in place: take `generator_and_discriminator`.
    """

    name: str
    scanner: str
    scaling: str
    coarsening: str
    dose: float
    spec: UNETRSpec | CVTGANSpec
    settings: Settings
    network: nn.Module
    discriminator: nn.Module | None

    def generator_and_discriminator(self) -> tuple[nn.Module, nn.Module | None]:
        """Return copies of network and discriminator, to tune."""
        return copy.deepcopy(self.network), copy.deepcopy(self.discriminator)


def source_name(network: str, scanner: str, suffix: str = "") -> str:
    """Return the name of a source's training card, e.g. ``unetr-hrrt`` or, with suffix "shared", ``unetr-hrrt-shared``.

    Parameters
    ----------
    network : {"unetr", "cvt-gan"}
    scanner : str
    suffix : str
        What follows in the names of variants: "shared", "paper".

    Returns
    -------
    str

    Raises
    ------
    CardError
        If there is no such training: the scanner was no source, or the network is not known.
    """
    name = "-".join(filter(None, (network, scanner, suffix)))
    with unnoticed():
        known = [n for n in training_names() if n.startswith(tuple(SPECS))]
    if name not in known:
        raise CardError(
            f"there is no source network {name!r} ({', '.join(known)}).{did_you_mean(name, known)} "
            "Give one of them, or write a training card for yours"
        )
    return name


def read_training_card(name: str) -> tuple[dict[str, Any], UNETRSpec | CVTGANSpec, Settings]:
    """Return a training card with its network and its settings.

    Raises
    ------
    CardError
        If the card is of another kind, or names a network or setting that is not known.
    """
    card = load_training(name)
    if card["kind"] != KIND:
        raise CardError(f"the training card {name} is of kind '{card['kind']}', not '{KIND}'")
    load_card(SourceCard, card, f"the training card {name}")
    widths = dict(card["network"])
    architecture = widths.pop("architecture")
    try:
        spec = _spec(architecture, widths)
    except TypeError as error:
        raise CardError(f"the training card {name} has a width that {architecture} does not know: {error}") from error
    settings = table4(architecture, "pretraining", patch=spec.patch, scaling=card["scaling"], **card["settings"])
    return card, spec, settings


def pretrain_source(name: str, *, progress: bool = True) -> Path:
    """Pre-train the network of a card on its source scanner and write its weights; an interrupted training resumes.

    Parameters
    ----------
    name : str
        Training card of kind ``petite`` in ``data/training``.

    Returns
    -------
    path
        The weight file; its receipt lies beside it.
    """
    card, spec, settings = read_training_card(name)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    pairs = load_pairs(
        population(card["scanner"], "train", card["subjects"]),
        card["dose"],
        coarsening=card["profile"],
        progress=progress,
    )
    held = load_pairs(population(card["scanner"], "test", card["held_out"]), card["dose"], coarsening=card["profile"])
    network = build(spec, settings.seed).to(device)
    discriminator = build_discriminator(spec, settings.seed).to(device) if isinstance(spec, CVTGANSpec) else None
    checkpoint = paths.cache_dir() / "training" / f"{name}.pt"
    result = fit(
        network, pairs, settings, discriminator=discriminator, validation=held, checkpoint=checkpoint, progress=progress
    )
    state = {f"network.{k}": v for k, v in network.state_dict().items()}
    if discriminator is not None:
        state |= {f"discriminator.{k}": v for k, v in discriminator.state_dict().items()}
    target = weights_path(name)
    part = max(1, settings.steps // 20)
    losses = [row["loss"] for row in result.history]
    save_weights(
        target,
        state,
        KIND,
        {"architecture": spec.architecture, **asdict(spec)},
        made_by=__name__,
        card=card,
        seconds=round(result.seconds),
        device=device,
        precision=result.precision,
        threads=torch.get_num_threads(),
        losses={
            "columns": ["step", "training"],
            "rows": [[i + part, sum(losses[i : i + part]) / part] for i in range(0, len(losses) - part + 1, part)],
        },
        validations=result.validations,
        torch=torch.__version__,
    )
    checkpoint.unlink(missing_ok=True)
    return target


def load_source(name: str) -> SourceNetwork:
    """Return a shipped source network, frozen and in evaluation mode.

    Parameters
    ----------
    name : str
        Training card, see `source_name`.

    Returns
    -------
    SourceNetwork

    Raises
    ------
    MissingError, InputError, CardError
        If the weights are missing, damaged or of another network than the card's.
    """
    card, spec, settings = read_training_card(name)
    path = weights_path(name)
    held, state = load_weights(path, KIND)
    receipt = path.with_suffix(".json")
    told = json.loads(receipt.read_text(encoding="utf-8")).get("card", {}) if receipt.is_file() else card
    changed = [key for key in ("scanner", "scaling", "profile", "dose") if told.get(key) != card[key]]
    if changed:
        raise InputError(
            f"the weights {path.name} were trained with {changed[0]} {told.get(changed[0])}, their card says "
            f"{card[changed[0]]}: restore the card or run 'petrecon train {name}'"
        )
    if held != json.loads(json.dumps({"architecture": spec.architecture, **asdict(spec)})):
        raise InputError(f"the weights {path.name} are of other widths than their card: run 'petrecon train {name}'")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = build(spec)
    discriminator = build_discriminator(spec) if isinstance(spec, CVTGANSpec) else None
    for player, prefix in ((network, "network."), (discriminator, "discriminator.")):
        if player is not None:
            own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            load_into(player, own, path.name)
            player.to(device).eval().requires_grad_(False)
    return SourceNetwork(
        name, card["scanner"], card["scaling"], card["profile"], card["dose"], spec, settings, network, discriminator
    )


def _spec(architecture: str, widths: dict[str, Any]) -> UNETRSpec | CVTGANSpec:
    words: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in widths.items()}
    return SPECS[architecture](**words)
