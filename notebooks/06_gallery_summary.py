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
    compare,
    load_array,
    load_numbers,
    panels,
    planned_runs,
    record,
    show,
    show_text,
    style,
)
from petrecon.metrics import format_interval, paired_interval, range_of
from petrecon.projectors import load_scanner

style()
planned = planned_runs("05_gallery", profile)
names, doses = (
    list(dict.fromkeys(run[name] for run in planned)) for name in ("scanner", "dose")
)
numbers = {
    (s, d): load_numbers("05_gallery", scanner=s, dose=d, profile=profile)
    for s in names
    for d in doses
}

# %% tags=["hide-input"]


def picture(key: str, scanner: str, dose: float) -> np.ndarray:
    """Return an image of the gallery's run of this scanner and dose."""
    run = {"scanner": scanner, "dose": dose, "profile": profile}
    return load_array(key, "05_gallery", **run)


error = {key: n["nrmse"]["value"] for key, n in numbers.items()}
panels(
    {
        s: {
            "truth": picture("truth", s, 1.0),
            **{f"dose {d:g}": picture("image", s, d) for d in doses},
        }
        for s in names
    },
    truth="truth",
    scores={s: {f"dose {d:g}": error[s, d] for d in doses} for s in names},
    score_name="NRMSE",
    score_unit="%",
    voxel_size={
        s: load_scanner(s).geometry(coarsening=profile, dims=2).voxel_size
        for s in names
    },
    name="fig-mosaic",
    caption=f"One brain on {len(names)} scanners: the truth on each scanner's own "
    f"grid, and OSEM with a 4 mm filter at {len(doses)} doses.",
)

# %% [markdown]
# ## The numbers

# %% tags=["hide-input"]
columns = {
    "prompts": "prompts",
    "nrmse": "NRMSE (%)",
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "crc": "CRC",
    "noise": "noise (%)",
}
compare(
    {
        f"{s}, {d:g}": {c: as_interval(n[c]) for c in columns}
        for (s, d), n in numbers.items()
    },
    key=None,
    units="noise draws",
    row_name="scanner, dose",
    columns=columns,
    digits={"prompts": 0, "psnr": 1, "ssim": 3, "noise": 0},
    name="tab-gallery",
    caption=f"{len(planned)} runs. Intervals are over noise realisations. CRC: "
    "contrast recovery of grey against white matter; noise: standard "
    "deviation in white matter.",
)

# %% tags=["hide-input"]
points = pd.DataFrame(
    {"scanner": s, "dose": f"{d:g}", "NRMSE (%)": v}
    for (s, d), found in numbers.items()
    for v in found["nrmse"]["samples"]
)
fig, ax = plt.subplots(figsize=(7.0, 3.8))
points_of = {"dodge": 0.3, "errorbar": ("pi", 95), "linestyle": "none", "markersize": 5}
sns.pointplot(points, x="dose", y="NRMSE (%)", hue="scanner", ax=ax, **points_of)
ax.set_xlabel("dose (fraction of the reference exam)")
sns.move_legend(ax, "upper left", bbox_to_anchor=(1.0, 1.0), title="scanner")
show(
    fig,
    name="fig-gallery-nrmse",
    caption="Error of every run; bars span 95 % of the noise realisations.",
    alt=f"Error against dose for {len(names)} scanners: "
    + "; ".join(
        f"{s} from {error[s, doses[0]]:.1f} to {error[s, doses[-1]]:.1f} percent"
        for s in names
    )
    + ".",
)

# %% tags=["hide-input"]
error_of = {(s, d): numbers[s, d]["nrmse"]["samples"] for s in names for d in doses}
gains = {
    s: paired_interval(error_of[s, 0.25], error_of[s, 1.0], units="noise draws")
    for s in names
}
least = min(gains, key=lambda s: gains[s].value)
found = record(
    "smallest_nrmse_gain",
    interval=range_of(
        [g.value for g in gains.values()], units="scanners", value=gains[least].value
    ),
    compares=("dose 1", "dose 0.25"),
    unit="%",
    note=f"{least}, dose 0.25 minus dose 1, mean over realisations",
)
show_text(
    "From a quarter of the dose to all of it, the error changes least on the "
    f"{least}: it falls by "
    f"**{format_interval(gains[least], unit='percentage points')}** over "
    f"realisations. Over scanners: {format_interval(found)}."
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
        f"{scanner}: noise {np.sqrt(max(noise_part, 0)):.1f} %, everything else "
        f"(resolution, grid, filter) {np.sqrt(max(whole - noise_part, 0)):.1f} %."
    )

# %% [markdown]
# ```{solution-end}
# ```
