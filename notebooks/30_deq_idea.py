# %% [markdown]
# # Learning through a fixed point
#
# *You will learn* what a bilevel problem is, why a reconstruction is a fixed point, and how to differentiate it without remembering how it was computed.
# *Before:* {doc}`04_regularisation`. *Time:* fifteen minutes to read, seconds to run.
#
# A regularised reconstruction has knobs. Dynamic PET has many: one spatial strength $\lambda_t$ for each of 20 frames and a temporal one, $\eta$
# {cite:p}`deq2024`. Nobody turns 21 knobs by hand, and a grid over them has more points than atoms. But on a phantom the truth is known, so the knobs can be *learned*:
#
# $$\min_\theta\; \lVert \hat x(\theta) - x_{\text{true}}\rVert^2 \quad\text{where}\quad \hat x(\theta) = \arg\min_{x \ge 0}\, f(x;\theta).$$
#
# A problem inside a problem: *bilevel*. Gradient descent on the outer one needs $\mathrm d\hat x/\mathrm d\theta$, the change of a minimiser with its parameters.

# %% tags=["parameters"]
profile: str = "quick"

# %% tags=["hide-input"]
import numpy as np

from petrecon.compendium import curves, record, show_text, style

style()

# %% [markdown]
# ## A toy you can hold in one hand
#
# One voxel, measured as $y$, pulled towards zero by a smoothed absolute value:
#
# $$f(x;\theta) = \tfrac12 (x - y)^2 + \theta\sqrt{x^2 + \varepsilon^2}.$$
#
# Majorisation turns it into an iteration. The square root lies below the parabola with weight $w(x) = 1/\sqrt{x^2+\varepsilon^2}$ that touches it at $x$,
# and the parabola's minimiser is $F_\theta(x) = y / (1 + \theta\,w(x))$. The minimiser of $f$ is where nothing changes any more: $x^\ast = F_\theta(x^\ast)$.

# %%
y, epsilon = 2.0, 0.3


def step(x: float, theta: float) -> float:
    """One majorisation step, F_theta(x)."""
    return y / (1 + theta / np.sqrt(x**2 + epsilon**2))


def solve(theta: float, tolerance: float = 1e-14, start: float = y) -> float:
    """Iterate until the relative change is below the tolerance; the fixed point."""
    x = start
    for _ in range(100_000):
        new = step(x, theta)
        if abs(new - x) <= tolerance * abs(new):
            return new
        x = new
    raise RuntimeError("the iteration did not converge")


# %% [markdown]
# ## Differentiate the equation, not the iteration
#
# Write down what holds at the solution and differentiate both sides with respect to $\theta$:
#
# $$x^\ast = F_\theta(x^\ast) \;\Rightarrow\; \frac{\mathrm dx^\ast}{\mathrm d\theta} = J\,\frac{\mathrm dx^\ast}{\mathrm d\theta} + \frac{\partial F}{\partial\theta}
# \;\Rightarrow\; \frac{\mathrm dx^\ast}{\mathrm d\theta} = \frac{1}{1 - J}\,\frac{\partial F}{\partial\theta}, \qquad J = \frac{\partial F}{\partial x}\Big|_{x^\ast}.$$
#
# How $x^\ast$ was found does not matter: no iterate is kept. With many voxels $1/(1-J)$ becomes a linear system, solved by another fixed point, the *adjoint*
# $v = J^{\mathsf T}v + u$. This is a *deep equilibrium* model: a network of infinite depth with one layer.
#
# Some codes drop the factor $1/(1-J)$ and call the rest a *Jacobian-free* gradient. It points the right way when $J$ is a number between 0 and 1; with many voxels
# and many parameters each direction has its own $J$, and the mixture is wrong.


# %%
def implicit(theta: float, tolerance: float = 1e-14) -> tuple[float, float]:
    """Return dx*/dtheta and the Jacobian-free value where the iteration stopped."""
    x = solve(theta, tolerance)
    root = np.sqrt(x**2 + epsilon**2)
    bottom = (1 + theta / root) ** 2
    by_x, by_theta = y * theta * x / root**3 / bottom, -y / root / bottom
    return by_theta / (1 - by_x), by_theta


thetas = np.linspace(0.1, 3.0, 80)
exact = np.array([(solve(t + 1e-5) - solve(t - 1e-5)) / 2e-5 for t in thetas])
both = np.array([implicit(t) for t in thetas])
worst = float(np.abs(both[:, 0] / exact - 1).max())
ratio = both[:, 1] / exact
curves(
    {"finite differences": exact, "implicit": both[:, 0], "Jacobian-free": both[:, 1]},
    x=thetas,
    formats={"finite differences": {"color": "0.6", "lw": 5}, "Jacobian-free": "--"},
    xlabel="θ (a.u.)",
    ylabel="dx*/dθ (a.u.)",
    name="fig-toy-gradient",
    caption="The derivative of the toy's fixed point: implicit differentiation "
    "lies on finite differences; leaving out 1/(1 − J) does not.",
    alt="Three curves of the derivative against theta. Implicit and finite "
    f"differences coincide to {worst:.0e}; the Jacobian-free value is "
    f"{ratio.min():.2f} to {ratio.max():.2f} of the true one.",
)
record(
    "toy_implicit_error",
    worst,
    note="largest relative difference from central differences",
)
show_text(
    "Implicit against finite differences: largest relative difference "
    f"**{worst:.0e}**. The Jacobian-free value is between {ratio.min():.2f} and "
    f"{ratio.max():.2f} of the truth."
)

# %% [markdown]
# ## Learn the knob
#
# With the derivative the outer problem is plain gradient descent. We learn $\log\theta$, so that $\theta$ stays positive and a step means the same anywhere.

# %%
truth, log_theta, path = 1.2, np.log(0.2), []
for _ in range(40):
    theta = float(np.exp(log_theta))
    path.append(theta)
    log_theta -= 0.8 * (solve(theta) - truth) * implicit(theta)[0] * theta
show_text(
    f"After {len(path)} steps θ = **{path[-1]:.4f}** and x* = "
    f"{solve(path[-1]):.4f}; the truth is {truth}."
)
record("toy_learned_error", abs(solve(path[-1]) - truth))

# %% [markdown]
# ```{exercise} The adjoint equation
# :label: ex-adjoint-equation
#
# For a vector $x^\ast = F_\theta(x^\ast)$ and a loss $\ell(x^\ast)$ with gradient $u$, derive $\mathrm d\ell/\mathrm d\theta = v^{\mathsf T}\,\partial F/\partial\theta$ with
# $v = J^{\mathsf T}v + u$. Why is one adjoint solve enough, however many parameters there are?
# ```

# %% [markdown]
# ```{solution} ex-adjoint-equation
# :class: dropdown
#
# Differentiating the fixed point gives $(I - J)\,\mathrm dx^\ast = \partial_\theta F\,\mathrm d\theta$, so $\mathrm d\ell = u^{\mathsf T}(I-J)^{-1}\partial_\theta F\,\mathrm d\theta$. Let
# $v^{\mathsf T} = u^{\mathsf T}(I-J)^{-1}$, that is $(I - J)^{\mathsf T}v = u$, or $v = J^{\mathsf T}v + u$. The vector $v$ depends on the loss only, not on which parameter is
# asked for: 21 derivatives cost one solve and 21 inner products.
# ```

# %% [markdown]
# ```{exercise} Stop too early
# :label: ex-tolerance
#
# Let the iteration stop at a relative change of 0.3, 0.1, 0.03, … and compute the *loss* gradient $(x - x_{\text{true}})\,\mathrm dx/\mathrm d\theta$ at
# $\theta$ = 1.0 with the truth at 1.05. Where is its sign wrong, so that learning would walk away from the answer?
# ```

# %% [markdown]
# ```{solution-start} ex-tolerance
# :class: dropdown
# ```

# %%
target, at = 1.05, 1.0
rows = {
    t: (solve(at, t) - target) * implicit(at, t)[0]
    for t in (0.3, 0.1, 0.03, 0.01, 1e-3, 1e-6, 1e-12)
}
right = np.sign(rows[1e-12])
wrong = [t for t, value in rows.items() if np.sign(value) != right]
show_text(
    "; ".join(f"tolerance {t:g}: {value:+.4f}" for t, value in rows.items()) + "."
)
show_text(
    f"The sign is wrong for a tolerance of {', '.join(f'{t:g}' for t in wrong)}: "
    "the iterate has stopped on the other side of the truth."
    if wrong
    else "The sign is right at every tolerance tried; move the truth closer to "
    "the fixed point and try again."
)

# %% [markdown]
# ```{solution-end}
# ```
#
# ## What next
#
# {doc}`31_deq_gradients` asks the same questions of a real reconstruction: 20 frames, thousands of voxels, 22 parameters.
