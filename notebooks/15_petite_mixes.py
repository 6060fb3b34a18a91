# %% [markdown]
# # Twenty-one mixes, and what they cost
#
# *You will learn* whether one method for the encoder and another for the decoder is better than one for both, and how quality, parameters, memory and time trade against each other. *Before:* {doc}`14_petite_results`. *Time:* ten minutes to read, seconds to run once its runs exist.
#
# Mix-PEFT puts one of LoRA, adapters, SSF and VPT into the encoder, another into the decoder, and trains every bias {cite:p}`petite2024`. Twelve mixes are possible in CVT-GAN and nine in UNETR ({doc}`10_petite_idea` derives them). Each has its own learning rate here, as in {doc}`14_petite_results`, with the same scanners, subjects and substitutions.

# %% tags=["parameters"]
dose: float = 0.05
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import numpy as np
import pandas as pd

from petrecon.compendium import (
    profile_sizes,
    ranking,
    record,
    show,
    show_text,
    style,
    table,
)
from petrecon.models.stages import build_on_meta
from petrecon.peft import apply_recipe, count, mixes, single_methods
from petrecon.projectors import load_scanner
from petrecon.studies import petite_results, petite_tables
from petrecon.studies.petite_comparison import load_studies
from petrecon.studies.petite_pictures import draw_costs
from petrecon.studies.petite_recipes import PRINTED, label, row_title, same_as

style()
pairs = [tuple(pair) for pair in profile_sizes("14_petite_results", profile)["pairs"]]
studies = load_studies(pairs, dose=dose, seed=seed, profile=profile)
cost = petite_tables.published_table(5).set_index(["network", "method"])
published = {
    network: petite_tables.published_table(number).set_index("mix")
    for network, number in {"cvt-gan": 6, "unetr": 7}.items()
}

# %% [markdown]
# ## All mixes

# %% tags=["hide-input"]
for number, (network, study) in enumerate(studies.items(), 6):
    name, recipes = PRINTED[network], mixes(network)
    row_of = {mix: same_as(network, recipe) for mix, recipe in recipes.items()}
    theirs = published[network].loc[list(recipes), petite_tables.SCORES]
    printed = dict(zip(row_of.values(), theirs.to_numpy(), strict=True))
    beside = petite_results.beside_paper(network, study, printed)
    titles = [label(mix, recipe) for mix, recipe in recipes.items()]
    petite = [" (PETITE)" if row == "petite" else "" for row in beside.index]
    beside["method"] = [
        title + mark for title, mark in zip(titles, petite, strict=True)
    ]
    rho = beside["PSNR"].corr(beside["paper: PSNR"], method="spearman")
    beside = beside.sort_values("PSNR", ascending=False, kind="stable")
    place = 1 + list(beside.index).index("petite")
    spread = beside["PSNR"].max() - beside["PSNR"].min()
    table(
        beside.rename(columns={"method": "encoder → decoder"}),
        name=f"tab-petite-{number}",
        caption=f"Table {number} for {name}: every mix, with BitFit, the best first; "
        "mean over pairs (PSNR in dB), paired gain with its interval, and the paper's "
        "numbers.",
        formats=petite_results.formats(beside),
    )
    note = "Spearman, our order of the mixes against the printed one"
    record(f"rank_correlation/{network}", rho, note=note)
    note = "among the mixes, by mean PSNR over pairs"
    record(f"place_of_petite/{network}", place, note=note)
    record(f"spread_of_mixes/{network}", spread, unit="dB")
    chance = 1.96 / (len(beside) - 1) ** 0.5
    show_text(
        f"{name}: the mixes lie within {spread:.2f} dB; PETITE is number {place} of "
        f"{len(beside)}. Their order and the paper's have a rank correlation of "
        f"{rho:+.2f} (chance alone exceeds ±{chance:.2f} in one case of twenty)."
    )
largest = max(
    count(apply_recipe(build_on_meta(spec), recipe)).per_cent
    for spec in petite_tables.NETWORKS.values()
    for recipe in mixes(spec.architecture).values()
)
ours = max(
    study.value("per_cent", same_as(network, recipe))
    for network, study in studies.items()
    for recipe in mixes(network).values()
)
here = "at the widths trained here see largest_share_here"
note = f"counted at the paper's widths; {here}"
record("largest_share", largest, kind="exact", unit="%", note=note)
record("largest_share_here", ours, kind="exact", unit="%")
show_text(
    f"Counted at the paper's widths, the largest mix trains {largest:.2f} per cent; at "
    f"the widths trained here {ours:.2f}, because the same rank is a larger share of a "
    "narrow network."
)

# %% [markdown]
# ## Time and memory
#
# Table 5 of the paper prints seconds, without saying of what, and megabytes. Ratios to full fine-tuning can be compared: of the seconds per step, and of the peak memory (weights, gradients, moments of the optimiser and what the forward pass saves). A frozen layer needs no weight gradient, but its input still needs one while anything before it learns: that is why 99 per cent fewer parameters do not save 99 per cent of the time.

# %% tags=["hide-input"]
costs = []
for network, study in studies.items():
    trained = [row for row in single_methods(network) if row != "no-ft"]
    paper = cost.loc[network]
    costs += [petite_results.costs_beside_paper(network, study, trained, paper)]
    petite_results.record_costs(network, study)
table(
    pd.concat(costs),
    name="tab-petite-5",
    caption="Table 5: seconds per step on one core, methods in turn, the least of some "
    "rounds (another run had the other core), and peak memory; ratios to full "
    "fine-tuning with intervals over pairs, and the paper's. In CVT-GAN the "
    "discriminator learns under Full-FT only, so its cost is in that row.",
    formats={
        "s per step": ".3f",
        "MB": ".0f",
        "paper: time": ".2f",
        "paper: memory": ".2f",
    },
)

# %% [markdown]
# ## What a decibel costs

# %% tags=["hide-input"]
gained = {
    f"{PRINTED[network]} {row_title(network, row)}": np.mean(study.gain(row, "no-ft"))
    for network, study in studies.items()
    for row in ("bitfit", "petite", study.full)
}
relative = ["peak memory (relative to Full-FT)", "time per step (relative to Full-FT)"]
show(
    draw_costs(studies),
    name="fig-petite-pareto",
    caption="Gain over No-FT against the share of parameters, and against memory and "
    "time of a training step relative to full fine-tuning. Bars: intervals over pairs. "
    "Upper left is better.",
    alt=ranking(gained, "gain", "dB") + ".",
    dimensionless=relative,
)

# %% [markdown]
# The same plot for each pair of scanners; a method that wins on the mean need not win on yours.

# %% tags=["hide-input"]
names = [" → ".join(load_scanner(scanner).name for scanner in pair) for pair in pairs]
for network, study in studies.items():
    rows = list(dict.fromkeys([*single_methods(network), study.full]))[1:]
    gains = {row_title(network, row): study.gain(row, "no-ft") for row in rows}
    by_pair = pd.DataFrame(gains)
    cheap = by_pair[[title for title in gains if not title.startswith("Full-FT")]]
    by_pair.insert(0, "pair", names)
    by_pair["best but Full-FT"] = cheap.idxmax(axis="columns")
    table(
        by_pair,
        name=f"tab-petite-pairs-{network}",
        caption=f"{PRINTED[network]}: gain over No-FT (dB) by pair of scanners.",
        formats=dict.fromkeys(gains, "+.2f"),
    )

# %% [markdown]
# ```{exercise} Where the memory goes
# :label: ex-petite-memory
#
# LayerNorm tuning trains under two thousandths of the parameters, yet its step needs about half the memory of full fine-tuning. What is stored for it, and which recipe could store less?
# ```
#
# ```{solution} ex-petite-memory
# :class: dropdown
#
# The weights, and what the backward pass needs: the gradient of the first norm passes through everything behind it, so nonlinear layers and attention keep their inputs. Spared are weight gradients, Adam's two moments, and the inputs that frozen linear layers would keep only for their own weight gradient. A recipe in the decoder alone need not go back through the encoder, and should store less still.
# ```
#
# ## What next
#
# {doc}`16_petite_scanners` serves five scanners with one network and looks at what is forgotten; {doc}`17_petite_few` asks how few subjects are enough.
