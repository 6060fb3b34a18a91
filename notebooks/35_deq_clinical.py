# %% [markdown]
# # What a clinician would read
#
# *You will learn* what the choice of hyperparameters does to the two numbers that are read from a [¹¹C]PE2I exam: the striatal time–activity curve and the binding potential. *Before:* {doc}`33_deq_results`.
# *Time:* ten minutes to read, seconds to run once its runs exist.
#
# Mean squared error over an image is not what anyone reports. A reader draws a region over the striatum, takes its mean in each frame, and fits a model: here the simplified reference tissue model, whose binding potential
# $BP_\text{ND}$ measures the density of dopamine transporters. The reference region is occipital cortex, because the slice holds no cerebellum; the truth is the same fit to the noise-free image, so that
# the choice of reference cancels.

# %% tags=["parameters"]
scanner: str = "biograph-truepoint"
profile: str = "quick"

# %% tags=["hide-input"]
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from petrecon.compendium import compare, curves, ranking, record, show, show_text, style
from petrecon.deq import fit_srtm
from petrecon.metrics import bias_and_sd, format_interval
from petrecon.phantoms import load_protocol
from petrecon.studies.deq_cases import EXTREMES, PATIENTS
from petrecon.studies.deq_runs import load_learned

style()
methods = ["DEQ-21", "DEQ-2", "grid search", "TPE"]
frames = load_protocol("pe2i").frames
learned = load_learned(scanner, profile, [*EXTREMES.values()])

# %% [markdown]
# ## Time–activity curves

# %% tags=["hide-input"]
middle = (frames.starts_s + frames.ends_s) / 120
low = learned["P1", EXTREMES[150]]
truth = low.regional_curves("truth")[0, 0]
striatum = {m: low.regional_curves(m)[0] for m in ("DEQ-21", "DEQ-2")}
mean = {m: x.mean(0) for m, x in striatum.items()}
bias, sd = ({m: bias_and_sd(x, truth)[k] for m, x in striatum.items()} for k in (0, 1))
curves(
    {"truth": truth, **mean},
    x=middle,
    formats={"truth": "k", **dict.fromkeys(mean, ".-")},
    bands={m: (mean[m] - sd[m], mean[m] + sd[m]) for m in mean},
    xlabel="time (min)",
    ylabel="striatum (kBq/mL)",
    name="fig-deq-tac",
    caption="Striatal curve of P1 at 150 million net trues: mean over "
    "realisations with one standard deviation.",
)
curves(
    {"bias": bias, "standard deviation": sd},
    x=middle,
    formats=dict.fromkeys(mean, ".-"),
    xlabel="time (min)",
    ylabel="bias and SD (kBq/mL)",
    name="fig-deq-tac-errors",
    caption="Bias and standard deviation of the striatal curve.",
)

# %% [markdown]
# ## Binding potential

# %% tags=["hide-input"]


def binding(tacs: Sequence[np.ndarray]) -> np.ndarray:
    """Return the binding potential of every realisation."""
    return np.array(
        [float(fit_srtm(*pair, frames).BP) for pair in zip(*tacs, strict=True)]
    )


true = {key: binding(run.regional_curves("truth"))[0] for key, run in learned.items()}
bp = {
    (*key, m): 100 * (binding(run.regional_curves(m)) / true[key] - 1)
    for key, run in learned.items()
    for m in methods
}
names = {(p, d): f"{p}/{label}" for p in PATIENTS for label, d in EXTREMES.items()}
compare(
    {
        names[case]: {"truth": f"{true[case]:.2f}"}
        | {m: bp[*case, m] for m in methods}
        | {f"SD of {m}": f"{bp[*case, m].std(ddof=1):.1f}" for m in methods}
        for case in learned
    },
    key="bp_bias/{column}/{row}",
    units="noise draws",
    unit="%",
    row_name="patient/net trues (M)",
    digits=1,
    name="tab-deq-bp",
    caption="Relative bias of the striatal binding potential in per cent, with "
    "intervals of the mean, and its standard deviation over noise "
    "realisations. M: million net trues.",
)
change = record(
    "bp_bias_21_minus_2",
    samples=[
        abs(bp[*c, "DEQ-21"].mean()) - abs(bp[*c, "DEQ-2"].mean()) for c in learned
    ],
    units={
        "patients": [p for p, _ in learned],
        "doses": [label for _ in PATIENTS for label in EXTREMES],
    },
    compares=("DEQ-21", "DEQ-2"),
    unit="percentage points",
    note="difference of absolute biases; negative is better",
)
worst = {m: max(abs(bp[*c, m].mean()) for c in learned) for m in methods}
show_text(
    "Largest bias of the binding potential over the four cases: "
    + ", ".join(f"{m} {v:.1f} %" for m, v in worst.items())
    + ". DEQ-21, which has the lowest error of the image, minus DEQ-2: "
    f"**{format_interval(change, 1, sign=True, unit='percentage points')}** of "
    "absolute bias."
)

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(6.6, 3.8))
for k, m in enumerate(methods):
    several = [bp[*case, m] for case in learned]
    at = np.arange(len(several)) + 0.15 * (k - 1.5)
    spread = [x.std(ddof=1) for x in several]
    ax.errorbar(at, [x.mean() for x in several], spread, fmt="o", ms=4, label=m)
ax.axhline(0, color="0.5", lw=0.8)
ax.set_xticks(range(len(learned)), [f"{names[case]} M" for case in learned])
ax.set(xlabel="patient and dose (million net trues)", ylabel="bias of BP (%)")
ax.legend(fontsize="small", ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
show(
    fig,
    name="fig-deq-bp",
    caption="Bias of the striatal binding potential (bars: one standard deviation "
    "over realisations) for four ways to choose hyperparameters.",
    alt=ranking(worst, "Largest bias of the binding potential", "%") + ".",
)

# %% [markdown]
# Hyperparameters learned for the mean squared error of the *image* are not chosen for this number: whatever bias they leave in the striatum is what smoothing costs a small hot structure. Learning for the binding potential
# itself would only change the outer loss.
#
# ```{exercise} Who moves the binding potential?
# :label: ex-deq-bp
#
# Replace the occipital curve of DEQ-21 by the true one, and then the striatal one. Which of the two carries the bias of the binding potential at 150 million net trues?
# ```

# %% [markdown]
# ```{solution-start} ex-deq-bp
# :class: dropdown
# ```

# %%
tacs, true = (low.regional_curves(m) for m in ("DEQ-21", "truth"))
truth_bp = binding(true)[0]
parts = {
    "true reference, reconstructed striatum": [
        tacs[0],
        np.broadcast_to(true[1], tacs[1].shape),
    ],
    "reconstructed reference, true striatum": [
        np.broadcast_to(true[0], tacs[0].shape),
        tacs[1],
    ],
}
moved = {name: 100 * (binding(c).mean() / truth_bp - 1) for name, c in parts.items()}
show_text("; ".join(f"{name}: {value:+.1f} %" for name, value in moved.items()) + ".")

# %% [markdown]
# ```{solution-end}
# ```
