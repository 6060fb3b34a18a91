"""The rows of the study: every row of the paper's tables as a recipe, and one fine-tuning of a source network by it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from petrecon.errors import InputError, ParameterError
from petrecon.peft import METHODS, Recipe, apply_recipe, count, mixes, petite_recipe, single_methods
from petrecon.petite.evaluate import Scores
from petrecon.petite.fit_network import Fit, fit
from petrecon.petite.pairs import ScanPairs
from petrecon.petite.population import check_members
from petrecon.petite.settings import table4
from petrecon.petite.sources import SourceNetwork

PRINTED = {"cvt-gan": "CVT-GAN", "unetr": "UNETR"}
"""Architecture → printed name, in the order of the paper's tables."""

LABELS = METHODS | {
    "no-ft": "No-FT",
    "full-ft": "Full-FT",
    "bitfit": "BitFit",
    "petite": "PETITE",
    "petite-bitfit": "PETITE without BitFit",
}
"""Printed names of the rows; mixes have their recipe's own."""

STATISTICS_KEPT = "full-kept"
"""Full fine-tuning that keeps BatchNorm's statistics: a row of this study, not of the paper."""


def ablations(architecture: str) -> dict[str, Recipe]:
    """Return what Table 2 adds to Table 1: the methods of PETITE with BitFit, and PETITE without it.

    ``lora+bitfit`` and so on: the single method, where Table 1 has it, and BitFit.
    """
    mix, singles = petite_recipe(architecture), single_methods(architecture)
    added = {}
    for method in (mix.encoder, mix.decoder):
        alone = singles[str(method)]
        added[f"{method}+bitfit"] = Recipe(alone.encoder, alone.decoder, bitfit=True)
    return added | {"petite-bitfit": Recipe(mix.encoder, mix.decoder)}


def uniform(architecture: str) -> dict[str, Recipe]:
    """Return the rivals of a mix: either of PETITE's methods in encoder and decoder alike, with BitFit."""
    mix = petite_recipe(architecture)
    return {f"{m}->{m}": Recipe(m, m, bitfit=True) for m in (mix.encoder, mix.decoder)}


def variants(architecture: str) -> dict[str, Recipe]:
    """Return every recipe of the study by name: Tables 1, 2, 6 and 7, and the uniform rivals; no recipe twice."""
    rows: dict[str, Recipe] = {}
    for group in (single_methods, ablations, uniform, mixes):
        for name, recipe in group(architecture).items():
            if recipe not in rows.values():
                rows[name] = recipe
    return rows


def same_as(architecture: str, recipe: Recipe) -> str:
    """Return the name under which `variants` has a recipe.

    Raises
    ------
    ParameterError
        If it has no such recipe.
    """
    for name, candidate in variants(architecture).items():
        if candidate == recipe:
            return name
    raise ParameterError(f"the study of {architecture} has no recipe {recipe.label!r}")


def label(name: str, recipe: Recipe) -> str:
    """Return the printed name of a row."""
    if name in LABELS:
        return LABELS[name]
    if name.endswith("+bitfit"):
        return f"{LABELS[settings_row(name)]} + BitFit"
    return f"{METHODS[str(recipe.encoder)]} → {METHODS[str(recipe.decoder)]}"


def row_title(architecture: str, row: str) -> str:
    """Return the printed name of a row of the study."""
    return "Full-FT, statistics kept" if row == STATISTICS_KEPT else label(row, variants(architecture)[row])


def settings_row(name: str) -> str:
    """Return the column of Table 4 that a row takes its settings from."""
    return "petite" if name == "petite-bitfit" else name.removesuffix("+bitfit")


@dataclass(frozen=True, eq=False)
class FineTuned:
    """A fine-tuned network and what it took.

    Attributes
    ----------
    network : module
    fit : Fit
        Its final and best validations are those of the scored set.
    trained : int
        Parameters trained in the network.
    per_cent : float
        Of those of the base network.
    predicted : (N, X, Y, Z) tensor or None
        Long scans of the scored set, scaled, after the last step.
    scores : list of dict
        Of these (`petrecon.petite.score_volumes`).
    """

    network: nn.Module
    fit: Fit
    trained: int
    per_cent: float
    predicted: Tensor | None
    scores: list[Scores]


def fine_tune(
    source: SourceNetwork,
    name: str,
    recipe: Recipe,
    pairs: ScanPairs,
    scored: ScanPairs | None = None,
    *,
    factor: float = 1.0,
    rank: int | None = None,
    progress: bool = False,
    **changes: Any,
) -> FineTuned:
    """Fine-tune a copy of a source network by one recipe, and score it on a validation or test set.

    Settings are those of Table 4 with `changes`; the discriminator of a CVT-GAN is frozen unless everything is tuned.
    The row of a mix takes the settings of PETITE, that of a method with BitFit those of the method.

    Parameters
    ----------
    source : SourceNetwork
    name : str
        Row of `variants`.
    recipe : Recipe
    pairs : ScanPairs
        Of the target scanner: what it is tuned on.
    scored : ScanPairs, optional
        Subjects of the split "test", or others of the split "train".
    factor : float
        Of the published learning rate.
    rank : int, optional
        Of LoRA, instead of the paper's.
    **changes
        Fields of `petrecon.petite.Settings`, such as steps and seed.

    Returns
    -------
    FineTuned

    Raises
    ------
    InputError
        If the two sets share a subject, a test set shares an anatomy with the training set, the doses differ, or the
        scored set is empty.
    ParameterError
        For a factor that is not above 0, or settings that are not known.
    """
    if scored is not None:
        check_apart(pairs, scored)
    if not factor > 0:
        raise ParameterError(f"factor is {factor}: give the learning rate as a multiple above 0 of the published one")
    architecture, row = source.spec.architecture, settings_row(name)
    own = {
        "patch": source.spec.patch,
        "scaling": source.scaling,
        "pad": source.settings.pad,
        "learning_rate": factor * table4(architecture, row).learning_rate,
    }
    settings = table4(architecture, row, **{**own, **changes})
    network, discriminator = source.generator_and_discriminator()
    network.requires_grad_(True)
    ranked = rank is not None and "lora" in (recipe.encoder, recipe.decoder)
    apply_recipe(network, replace(recipe, rank=rank) if ranked else recipe)
    if discriminator is not None:
        discriminator.requires_grad_(True)
        apply_recipe(discriminator, Recipe(full=recipe.full, batchnorm=recipe.batchnorm))
    counted = count(network)
    result = fit(network, pairs, settings, discriminator=discriminator, validation=scored, progress=progress)
    return FineTuned(network, result, counted.trainable, counted.per_cent, result.predicted, result.scores)


def check_apart(pairs: ScanPairs, scored: ScanPairs) -> None:
    """Refuse sets that share a subject, a test set with an anatomy of the training set, unequal doses, an empty set."""
    if not len(scored):
        raise InputError("the scored set is empty: give at least one subject")
    test = any(member.split == "test" for member in scored.members)
    check_members(**{"training": pairs.members, "test" if test else "validation": scored.members})
    if pairs.dose != scored.dose:
        raise InputError(f"the training set is at dose {pairs.dose:g}, the other at {scored.dose:g}: use one dose")
