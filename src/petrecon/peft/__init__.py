"""Parameter-efficient fine-tuning: which numbers of a network are trained, and how many.

For the score network of DDIP start with `low_rank_factors` and `merged_weights`. For the networks of PETITE start with
`apply_recipe(network, Recipe("lora", "ssf", bitfit=True))` and `count`; `single_methods` and `mixes` are the rows
of the paper's tables, `save_adapter` and `load_adapter` share what was learned, `remove` gives the base back.
"""

from petrecon.peft.counting import Count, count, paper_counts, trainable_parameters
from petrecon.peft.files import fingerprint, load_adapter, save_adapter
from petrecon.peft.lora import TARGETS, low_rank_factors, merged_weights
from petrecon.peft.merging import merge, unmerge
from petrecon.peft.recipes import METHODS, Recipe, mixes, petite_recipe, reason_against, single_methods
from petrecon.peft.tuning import apply_recipe, remove, tuning_of

__all__ = [
    "Count",
    "METHODS",
    "Recipe",
    "TARGETS",
    "apply_recipe",
    "count",
    "fingerprint",
    "load_adapter",
    "low_rank_factors",
    "merge",
    "merged_weights",
    "mixes",
    "paper_counts",
    "petite_recipe",
    "remove",
    "save_adapter",
    "single_methods",
    "trainable_parameters",
    "tuning_of",
    "unmerge",
    "reason_against",
]
