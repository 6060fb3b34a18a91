# %% [markdown]
# # Five scanners, three doses
#
# *You will learn* how to read fifteen runs at once, and which differences between scanners survive the noise. *Before:* {doc}`04_regularisation`.
# *Time:* ten minutes to read, seconds to run once its fifteen runs exist.
#
# The same brain lay in five scanners at three doses; papermill ran one notebook fifteen times. This page computes nothing new: it reads what
# those runs recorded. Their pages follow this one.

# %% tags=["parameters"]
profile: str = "quick"

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from petrecon.compendium import (
    as_interval,
    image,
    load_array,
    load_numbers,
    planned_runs,
    record,
    show,
    show_text,
    style,
    table,
)
from petrecon.metrics import format_interval, paired_interval, range_of
from petrecon.projectors import load_scanner

style()
planned = planned_runs("05_gallery", profile)
names, doses = (list(dict.fromkeys(run[name] for run in planned)) for name in ("scanner", "dose"))
numbers = {(s, d): load_numbers("05_gallery", scanner=s, dose=d, profile=profile) for s in names for d in doses}

# %% tags=["hide-input"]
fig, axes = plt.subplots(len(names), len(doses) + 1, figsize=(8.4, 10.2))
for row, scanner in zip(axes, names, strict=True):
    voxel = load_scanner(scanner).geometry(coarsening=profile, dims=2).voxel_size
    truth = load_array("truth", "05_gallery", scanner=scanner, dose=1.0, profile=profile)
    for ax, dose in zip(row, [None, *doses], strict=True):
        picture = (
            truth if dose is None else load_array("image", "05_gallery", scanner=scanner, dose=dose, profile=profile)
        )
        drawn = image(ax, picture, voxel, vmin=0, vmax=float(truth.max()), axes=False)
        ax.set_xlim(-95, 95)
        ax.set_ylim(-115, 115)
        ax.set_title(
            (f"{scanner}\n" if dose is None else "\n") + ("truth" if dose is None else f"dose {dose:g}"), fontsize=8
        )
fig.colorbar(drawn, ax=axes, label="activity (kBq/mL)", shrink=0.4)
error = {key: n["nrmse"]["value"] for key, n in numbers.items()}
best, worst = min(error, key=error.__getitem__), max(error, key=error.__getitem__)
show(
    fig,
    name="fig-mosaic",
    caption=f"One brain on {len(names)} scanners: the truth on each scanner's own grid, and OSEM with a 4 mm filter at {len(doses)} doses.",
    alt=f"Mosaic of axial slices, {len(names)} scanners by {len(doses)} doses beside the truth. Error is least for {best[0]} at dose {best[1]:g} ({error[best]:.1f} percent) and largest for {worst[0]} at dose {worst[1]:g} ({error[worst]:.1f} percent).",
)

# %% [markdown]
# ## The numbers

# %% tags=["hide-input"]
rows = []
for (scanner, dose), found in numbers.items():
    rows.append(
        {
            "scanner": scanner,
            "dose": dose,
            "prompts (thousands)": found["prompts"]["value"] / 1e3,
            "NRMSE (%)": found["nrmse"]["value"],
            "with interval": format_interval(as_interval(found["nrmse"])),
            "PSNR (dB)": found["psnr"]["value"],
            "SSIM": found["ssim"]["value"],
            "CRC": found["crc"]["value"],
            "noise (%)": found["noise"]["value"],
        }
    )
results = pd.DataFrame(rows)
table(
    results,
    name="tab-gallery",
    caption=f"{len(planned)} runs. Intervals are over noise realisations. CRC: contrast recovery of grey against white matter; noise: standard deviation in white matter.",
    formats={
        "dose": "g",
        "prompts (thousands)": ".0f",
        "NRMSE (%)": ".2f",
        "PSNR (dB)": ".1f",
        "SSIM": ".3f",
        "CRC": ".2f",
        "noise (%)": ".0f",
    },
)

# %% tags=["hide-input"]
points = pd.DataFrame(
    [
        {"scanner": s, "dose": f"{d:g}", "NRMSE (%)": v}
        for (s, d), found in numbers.items()
        for v in found["nrmse"]["samples"]
    ]
)
fig, ax = plt.subplots(figsize=(7.0, 3.8))
sns.pointplot(
    points,
    x="dose",
    y="NRMSE (%)",
    hue="scanner",
    dodge=0.3,
    errorbar=("pi", 95),
    ax=ax,
    linestyle="none",
    markersize=5,
)
ax.set_xlabel("dose (fraction of the reference exam)")
sns.move_legend(ax, "upper left", bbox_to_anchor=(1.0, 1.0), title="scanner")
means = results.pivot(index="scanner", columns="dose", values="NRMSE (%)")
show(
    fig,
    name="fig-gallery-nrmse",
    caption="Error of every run; bars span 95 % of the noise realisations.",
    alt=f"Error against dose for {len(names)} scanners: "
    + "; ".join(f"{s} from {r[doses[0]]:.1f} to {r[doses[-1]]:.1f} percent" for s, r in means.iterrows())
    + ".",
)

# %% tags=["hide-input"]
error_of = {(s, d): numbers[s, d]["nrmse"]["samples"] for s in names for d in doses}
gains = {s: paired_interval(error_of[s, 0.25], error_of[s, 1.0], units="noise draws") for s in names}
least = min(gains, key=lambda s: gains[s].value)
found = record(
    "smallest_nrmse_gain",
    interval=range_of([g.value for g in gains.values()], units="scanners", value=gains[least].value),
    compares=("dose 1", "dose 0.25"),
    unit="%",
    note=f"{least}, dose 0.25 minus dose 1, mean over realisations",
)
show_text(
    f"From a quarter of the dose to all of it, the error changes least on the {least}: it falls by **{format_interval(gains[least], unit='percentage points')}** over realisations. Over scanners: {format_interval(found)}."
)

# %% [markdown]
# Differences between scanners here are differences between their *cards*: geometry, resolution, counts and background. What a real scanner adds (its own software,
# dead time, normalisation, motion) is not in them, so this is no ranking of products.
#
# One trap we fell into: with a third of these updates the full dose *lost* against a quarter of it on some scanners. Randoms grow with
# the square of the dose, and a larger background slows EM down, so the full-dose image was simply less converged. Compare methods, or doses, only once
# both have converged, or follow whole curves as in {doc}`04_regularisation`.
#
# ```{exercise} What limits which?
# :label: ex-limits
#
# For every scanner, split the error at dose 1 into what more counts could remove and what they could not. Use the NRMSE at doses 0.25 and 1, and
# assume that the squared error is a constant plus a term proportional to 1 / dose.
# ```

# %% [markdown]
# ```{solution-start} ex-limits
# :class: dropdown
# ```

# %%
for scanner in names:
    quarter, whole = error[scanner, 0.25] ** 2, error[scanner, 1.0] ** 2
    noise_part = (quarter - whole) / 3
    show_text(
        f"{scanner}: noise {np.sqrt(max(noise_part, 0)):.1f} %, everything else (resolution, grid, filter) {np.sqrt(max(whole - noise_part, 0)):.1f} %."
    )

# %% [markdown]
# ```{solution-end}
# ```
