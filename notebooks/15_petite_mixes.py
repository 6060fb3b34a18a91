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
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from petrecon.compendium import (
    load_numbers,
    profile_sizes,
    ranking,
    record,
    show,
    show_text,
    style,
    table,
    track_input,
)
from petrecon.metrics import format_interval, interval
from petrecon.models.stages import build_on_meta
from petrecon.peft import apply_recipe, count, mixes, single_methods
from petrecon.projectors import load_scanner
from petrecon.studies.petite_recipes import label, same_as
from petrecon.studies.petite_results import KEPT, UNITS, load_studies, row_title
from petrecon.studies.petite_tables import NETWORKS

style()
pairs = [tuple(pair) for pair in profile_sizes("14_petite_results", profile)["pairs"]]
words = {"dose": dose, "seed": seed, "profile": profile}
printed = {spec.architecture: name for name, spec in NETWORKS.items()}
study = load_studies(load_numbers, pairs, **words)
full = {network: found.full for network, found in study.items()}
published = {
    network: pd.read_csv(track_input(f"data/paper/petite-table-{k}.csv")).set_index(
        "mix"
    )
    for network, k in (("cvt-gan", 6), ("unetr", 7))
}
cost = pd.read_csv(track_input("data/paper/petite-table-5.csv")).set_index(
    ["network", "method"]
)

# %% [markdown]
# ## All mixes

# %% tags=["hide-input"]
for number, (network, name) in enumerate(printed.items(), 6):
    found, rows, agree = study[network], [], []
    for mix, recipe in mixes(network).items():
        row = same_as(network, recipe)
        theirs = published[network].loc[mix]
        pair_title = label(mix, recipe) + (" (PETITE)" if row == "petite" else "")
        agree.append((found.mean("psnr", row), theirs["psnr_db"]))
        several, both = found.gain(row, "no-ft"), (row, "no-ft")
        gain = record(
            f"gain/{network}/{row}",
            samples=several,
            units=UNITS,
            compares=both,
            unit="dB",
        )
        rows.append(
            {"encoder → decoder": pair_title, "%": found.value("per_cent", row)}
            | {
                metric.upper(): found.mean(metric, row)
                for metric in ("psnr", "ssim", "nrmse")
            }
            | {"gain over No-FT": format_interval(gain, sign=True)}
            | {
                "paper: %": theirs["per_cent"],
                "paper: PSNR": theirs["psnr_db"],
                "paper: SSIM": theirs["ssim"],
            }
            | {"paper: NRMSE": theirs["nrmse"]}
        )
    rows.sort(key=lambda r: -r["PSNR"])
    table(
        pd.DataFrame(rows),
        name=f"tab-petite-{number}",
        caption=f"Table {number} for {name}: every mix, with BitFit, the best first; mean over pairs (PSNR in dB), paired gain with its interval, and the paper's numbers.",
        formats={
            "%": ".2f",
            "PSNR": ".2f",
            "SSIM": ".3f",
            "NRMSE": ".4f",
            "paper: PSNR": ".2f",
            "paper: SSIM": ".3f",
        },
    )
    ranks = np.array([pd.Series(values).rank() for values in zip(*agree, strict=True)])
    rho = float(np.corrcoef(ranks)[0, 1])
    spread = max(r["PSNR"] for r in rows) - min(r["PSNR"] for r in rows)
    place = 1 + [("PETITE" in r["encoder → decoder"]) for r in rows].index(True)
    record(
        f"rank_correlation/{network}",
        rho,
        note="Spearman, our order of the mixes against the printed one",
    )
    record(
        f"place_of_petite/{network}",
        place,
        note="among the mixes, by mean PSNR over pairs",
    )
    record(f"spread_of_mixes/{network}", spread, unit="dB")
    show_text(
        f"{name}: the mixes lie within {spread:.2f} dB; PETITE is number {place} of {len(rows)}. Their order and the paper's have a rank correlation of {rho:+.2f} (chance alone exceeds ±{1.96 / (len(rows) - 1) ** 0.5:.2f} in one case of twenty)."
    )
largest = max(
    count(apply_recipe(build_on_meta(spec), r)).per_cent
    for spec in NETWORKS.values()
    for r in mixes(spec.architecture).values()
)
ours = max(
    study[n].value("per_cent", same_as(n, r))
    for n in printed
    for r in mixes(n).values()
)
record(
    "largest_share",
    largest,
    kind="exact",
    unit="%",
    note="counted at the paper's widths; at the widths trained here see largest_share_here",
)
record("largest_share_here", ours, kind="exact", unit="%")
show_text(
    f"Counted at the paper's widths, the largest mix trains {largest:.2f} per cent; at the widths trained here {ours:.2f}, because the same rank is a larger share of a narrow network."
)

# %% [markdown]
# ## Time and memory
#
# Table 5 of the paper prints seconds, without saying of what, and megabytes. Ratios to full fine-tuning can be compared: of the seconds per step, and of the peak memory (weights, gradients, moments of the optimiser and what the forward pass saves). A frozen layer needs no weight gradient, but its input still needs one while anything before it learns: that is why 99 per cent fewer parameters do not save 99 per cent of the time.

# %% tags=["hide-input"]
rows = []
for network, name in printed.items():
    found = study[network]
    theirs = cost.loc[network]
    for row in single_methods(network):
        if row == "no-ft":
            continue
        time, memory = found.ratio("seconds", row), found.ratio("bytes", row)
        both = theirs.loc[row] / theirs.loc["full-ft"] if row in theirs.index else None
        rows.append(
            {
                "network": name,
                "method": row_title(network, row),
                "s per step": found.mean("seconds", row),
            }
            | {
                "MB": found.mean("bytes", row) / 1e6,
                "time": format_interval(interval(time, units=UNITS)),
                "memory": format_interval(interval(memory, units=UNITS)),
            }
            | {"paper: time": both["time_s"] if both is not None else None}
            | {"paper: memory": both["memory_mb"] if both is not None else None}
        )
        if row == "petite":
            larger = np.maximum(time, memory).tolist()
            record(
                f"cost_ratio/{network}",
                samples=larger,
                units=UNITS,
                compares=("petite", "full-ft"),
                note="larger of time and memory of a step, PETITE over full fine-tuning",
            )
            record(
                f"time_ratio/{network}",
                samples=time,
                units=UNITS,
                compares=("petite", "full-ft"),
            )
            record(
                f"memory_ratio/{network}",
                samples=memory,
                units=UNITS,
                compares=("petite", "full-ft"),
            )
table(
    pd.DataFrame(rows),
    name="tab-petite-5",
    caption="Table 5: seconds per step on one core, methods in turn, the least of some rounds (another run had the other core), and peak memory; ratios to full fine-tuning with intervals over pairs, and the paper's. In CVT-GAN the discriminator learns under Full-FT only, so its cost is in that row.",
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
axes_of = {
    "per_cent": "parameters (%)",
    "bytes": "peak memory (relative to Full-FT)",
    "seconds": "time per step (relative to Full-FT)",
}
looks = dict(
    zip(
        ["layernorm", "bitfit", "lora", "adapters", "ssf", "vpt"], "<>^vsD", strict=True
    )
)
fig, axes = plt.subplots(2, 3, figsize=(8.4, 6.0), sharey="row", layout="constrained")
for line, (network, name) in zip(axes, printed.items(), strict=True):
    found = study[network]
    mixed = [same_as(network, recipe) for recipe in mixes(network).values()]
    for ax, (metric, axis) in zip(line, axes_of.items(), strict=True):
        for row in [*mixed, *looks, full[network]]:
            costed = "full-ft" if row == KEPT else row
            x = (
                found.value("per_cent", row)
                if metric == "per_cent"
                else float(np.mean(found.ratio(metric, costed)))
            )
            spread = interval(found.gain(row, "no-ft"), units=UNITS)
            edge = [
                [max(0.0, spread.value - spread.low)],
                [max(0.0, spread.high - spread.value)],
            ]
            look = {"fmt": "o", "color": "C1", "ms": 4, "label": "a mix"}
            if row == "petite":
                look = {
                    "fmt": "*",
                    "color": "C3",
                    "ms": 11,
                    "label": "PETITE",
                    "zorder": 3,
                }
            elif row == full[network]:
                look = {"fmt": "P", "color": "k", "ms": 7, "label": "Full-FT"}
            elif row in looks:
                look = {
                    "fmt": looks[row],
                    "color": "C0",
                    "ms": 6,
                    "label": row_title(network, row),
                }
            ax.errorbar(x, spread.value, yerr=edge, lw=0.8, **look)
        if metric == "per_cent":
            ax.set_xscale("log")
        ax.set_xlabel(axis)
    line[0].set_ylabel(f"{name}: gain over No-FT (dB)")
handles = dict(zip(*reversed(axes[0, 0].get_legend_handles_labels()), strict=True))
fig.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5)
gained = {
    f"{name} {row_title(n, r)}": float(np.mean(study[n].gain(r, "no-ft")))
    for n, name in printed.items()
    for r in ("bitfit", "petite", full[n])
}
show(
    fig,
    name="fig-petite-pareto",
    caption="Gain over No-FT against the share of parameters, and against memory and time of a training step relative to full fine-tuning. Bars: intervals over pairs. Upper left is better.",
    alt=ranking(gained, "gain", "dB") + ".",
    dimensionless=[
        "peak memory (relative to Full-FT)",
        "time per step (relative to Full-FT)",
    ],
)

# %% [markdown]
# The same plot for each pair of scanners; a method that wins on the mean need not win on yours.

# %% tags=["hide-input"]
for network, name in printed.items():
    found, rows = study[network], []
    chosen = list(dict.fromkeys([*single_methods(network), full[network]]))[1:]
    gains = {row_title(network, r): found.gain(r, "no-ft") for r in chosen}
    for k, pair in enumerate(pairs):
        own = {name_: several[k] for name_, several in gains.items()}
        best = max((t for t in own if not t.startswith("Full-FT")), key=own.get)
        rows.append(
            {
                "pair": " → ".join(load_scanner(p).name for p in pair),
                **own,
                "best but Full-FT": best,
            }
        )
    table(
        pd.DataFrame(rows),
        name=f"tab-petite-pairs-{network}",
        caption=f"{name}: gain over No-FT (dB) by pair of scanners.",
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
