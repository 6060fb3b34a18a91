"""Figures of what recipes put into networks, drawn from the networks after `apply`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from petrecon.models import CVTGANSpec, UNETRSpec
from petrecon.models.drawing import draw_architecture
from petrecon.models.stages import build_on_meta
from petrecon.peft.block_drawing import draw_block
from petrecon.peft.recipes import METHODS, Recipe
from petrecon.peft.tuning import apply_recipe, base_tensors

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def insertions(spec: UNETRSpec | CVTGANSpec, recipe: Recipe) -> dict[str, int]:
    """Return how many numbers a recipe trains in each stage of a network; biases of the base under ``biases``.

    Parameters
    ----------
    spec : UNETRSpec or CVTGANSpec
    recipe : Recipe

    Returns
    -------
    dict of int
        Stage (child of the root module) → numbers in inserted modules. The values add up to `count(...).trainable`.
    """
    network = apply_recipe(build_on_meta(spec), recipe)
    own = {id(tensor) for tensor in base_tensors(network).values()}
    found: dict[str, int] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            where = "biases" if id(parameter) in own and recipe.bitfit else name.split(".")[0]
            found[where] = found.get(where, 0) + parameter.numel()
    return found


def draw_network(spec: UNETRSpec | CVTGANSpec, recipe: Recipe) -> Figure:
    """Draw a network and, on its stages, the method of the recipe and the numbers it inserts there.

    Biases, which BitFit trains in every stage, are not marked.
    """
    strips = {}
    for stage, numbers in insertions(spec, recipe).items():
        method = recipe.decoder if stage.startswith("decoder") else recipe.encoder
        if stage != "biases" and method:
            strips[stage] = f"{METHODS[method]}: {numbers:,}"
    return draw_architecture(spec, strips)


def draw_blocks(spec: UNETRSpec | CVTGANSpec, recipes: Mapping[str, Recipe]) -> Figure:
    """Draw the same transformer block once for each recipe, three in a row.

    Parameters
    ----------
    spec : UNETRSpec or CVTGANSpec
    recipes : mapping of Recipe
        Title → recipe.
    """
    import matplotlib.pyplot as plt

    rows = -(-len(recipes) // 3)
    fig, axes = plt.subplots(rows, 3, figsize=(8.4, 5.2 * rows), squeeze=False, layout="constrained")
    for ax in axes.flat[len(recipes) :]:
        ax.set_axis_off()
    for ax, (title, recipe) in zip(axes.flat, recipes.items(), strict=False):
        draw_block(spec, recipe, ax, title)
    return fig
