# %% [markdown]
# # Can the spread be trusted?
#
# *You will learn* what a calibrated sampler is and how to test one. *Before:* {doc}`20_ddip_idea`. *Time:* ten minutes to read, a minute to run.
#
# A diffusion model gives a different image for every seed. It is tempting to read the spread of a few as an uncertainty. Whether one may is a question with an answer, at least in a toy where the posterior is known exactly: images drawn from a Gaussian with
# known mean and covariance, counts so high that Poisson noise is nearly Gaussian. There the ideal network, the ideal posterior, and even the variance that the sampler must return can be written down.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"
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
from petrecon.ddip import (
    DDIPSettings,
    GaussianPrior,
    coverage,
    ddip,
    noise_levels,
    rank_histogram,
    sample,
    sampled_variance,
    smooth_covariance,
)
from petrecon.models import NoiseSchedule
from petrecon.projectors import AcquisitionModel, load_scanner, make_projector

style()
size = profile_sizes("27_ddip_calibration", profile)
schedule = NoiseSchedule()
shape = tuple(size["grid"])
geometry = load_scanner(scanner).geometry(
    size["coarsening"], dims=2, image_shape=shape, voxel_size=(10.0, 10.0)
)
project = make_projector(geometry)
record_backend(project)
unit = 8.0  # kBq/mL that the prior calls 1
expected = project(torch.full(shape, 0.5 * unit))
model = AcquisitionModel(
    project,
    scale=size["counts"] / float(expected.sum()),
    background=0.3 * size["counts"] / expected.numel(),
)

# %% [markdown]
# ## Draw truths, measure them, draw from each sampler
#
# * **exact**: draws from the known posterior: what all others should look like;
# * **sampler, $\eta$ = 0** and **0.85**: the diffusion sampler with the posterior's *exact* score, so that any fault is the sampler's;
# * **frozen prior**: exact prior score, counts enter by EM steps (PET-DDS);
# * **DDIP**: the same, but the prior's mean may adapt, pixel by pixel.

# %%
prior = GaussianPrior(
    torch.full(shape, 0.5), smooth_covariance(shape, 0.08, 3.0), schedule
)
truths = prior.sample(size["truths"], seed)
frozen = DDIPSettings(
    use_mr=False,
    steps=size["steps"],
    ceiling=10.0,
    adapt="none",
    data="none",
    consistency_em=5,
)
adapted = DDIPSettings(
    use_mr=False,
    steps=size["steps"],
    ceiling=10.0,
    adapt="full",
    learning_rate=size["learning_rate"],
)
n = size["samples"]
draws: dict[str, list[torch.Tensor]] = {}
for k, truth in enumerate(truths):
    y = torch.poisson(
        model(truth * unit), generator=torch.Generator().manual_seed(seed + k)
    )
    posterior = prior.posterior(y, model, unit, schedule)
    several, nothing = y.expand(n, *y.shape), torch.zeros(n, 1, *shape)
    draws.setdefault("exact", []).append(posterior.sample(n, seed + 1000 + k))
    for eta in (0.0, 0.85):
        drawn = sample(
            posterior,
            schedule,
            nothing,
            steps=size["sampler_steps"],
            eta=eta,
            seed=seed + k,
        )[:, 0]
        draws.setdefault(f"sampler, η = {eta:g}", []).append(drawn)
    for name, settings in (("frozen prior", frozen), ("DDIP", adapted)):
        result = ddip(
            several, model, None, prior, schedule, settings, seed + k, scale=unit
        )
        draws.setdefault(name, []).append(result.image / unit)
gathered = {
    name: torch.stack(several, 1) for name, several in draws.items()
}  # (samples, truths, X, Y)

# %% [markdown]
# ## Rank histograms
#
# Where does the truth fall among the samples of its pixel? If truth and samples come from the same distribution, every rank is equally likely and the histogram is flat. A valley means the samples crowd together, overconfident; a hump, that they spread too much.

# %% tags=["hide-input"]
levels = [0.5, 0.8]
fig, axes = plt.subplots(
    1, len(gathered), figsize=(8.6, 2.6), sharey=True, layout="constrained"
)
rows, outer = [], {}
for ax, (name, several) in zip(axes, gathered.items(), strict=True):
    heights = rank_histogram(several, truths, bins=5, seed=seed)
    ax.bar(np.arange(5) + 1, heights, color="0.6")
    ax.axhline(1, color="k", lw=0.8)
    ax.set_title(name, size=9)
    ax.set_xlabel("fifth of the ranks")
    outer[name] = float((heights[0] + heights[-1]) / 2)
    error = float((several.mean(0) - truths).square().mean().sqrt() / truths.std())
    covered = coverage(several, truths, levels)
    spread = float(several.std(0).mean() / gathered["exact"].std(0).mean())
    for level, value in zip(levels, covered, strict=True):
        record(f"coverage/{name}/{level:g}", float(value))
    record(
        f"spread/{name}",
        spread,
        note="mean standard deviation of the samples over that of the exact posterior",
    )
    rows.append(
        {
            "sampler": name,
            "covers, of 50 %": 100 * covered[0],
            "of 80 %": 100 * covered[1],
            "spread": spread,
            "error": error,
        }
    )
axes[0].set_ylabel("frequency (expected = 1)")
show(
    fig,
    name="fig-rank-histograms",
    caption="Rank of the truth among the samples, pooled over pixels and truths. Flat is calibrated.",
    alt="Outermost bars relative to a flat histogram: "
    + ", ".join(f"{k} {v:.2f}" for k, v in outer.items())
    + ".",
    dimensionless=["fifth of the ranks", "frequency (expected = 1)"],
)
table(
    pd.DataFrame(rows),
    name="tab-calibration",
    caption="Share of pixels (%) whose truth lies in the central 50 and 80 % of the samples; spread of the samples relative to the exact posterior; error of their mean relative to the prior's standard deviation.",
    formats={
        "covers, of 50 %": ".0f",
        "of 80 %": ".0f",
        "spread": ".2f",
        "error": ".3f",
    },
)
errors = {row["sampler"]: row["error"] for row in rows}
show_text(
    f"Adapting the mean freely, one number per pixel, gives **{errors['DDIP'] / errors['exact']:.1f}** times the error of the exact posterior's mean: nothing keeps it from learning the noise. In DDIP proper the structure of the network and the low rank stand in the way."
)

# %% [markdown]
# ## Why $\eta$ = 0.85 is overconfident
#
# With a Gaussian every step of the sampler is linear, so the variance it returns follows from a recursion, direction by direction. The mixing of fresh noise that DDIP uses (much stronger than that of DDIM) forgets part of the variance at every step; more steps bring it back.

# %% tags=["hide-input"]
top = prior.values.sort(descending=True).values[:30]
fig, ax = plt.subplots(figsize=(6.4, 3.4))
counts = [10, 25, 50, 100, 200, 1000]
for eta in (0.0, 0.5, 0.85):
    shares = [
        float(
            sampled_variance(
                top, noise_levels(1000, k), schedule, eta, torch.ones(30)
            ).sum()
            / top.double().sum()
        )
        for k in counts
    ]
    ax.semilogx(counts, shares, "o-", label=f"η = {eta:g}")
    for k, share in zip(counts, shares, strict=True):
        record(f"variance/{eta:g}/{k}", share, kind="exact")
ax.axhline(1, color="k", lw=0.8)
ax.set(xlabel="sampling steps", ylabel="variance returned / true")
ax.legend()
show(
    fig,
    name="fig-sampled-variance",
    caption="Variance that the sampler returns, summed over the thirty largest directions of the prior, relative to the true one.",
    alt=f"With eta 0.85 the sampler returns {shares[0]:.2f} of the variance with 10 steps, {shares[2]:.2f} with 50 and {shares[-1]:.2f} with 1000.",
    dimensionless=["sampling steps", "variance returned / true"],
)
show_text(
    f"With 50 steps and η = 0.85 even the exact score returns **{100 * shares[2]:.0f} %** of the variance. The spread of DDIP images over seeds is no error bar."
)

# %% [markdown]
# ```{exercise} One direction by hand
# :label: ex-one-direction
#
# For one direction with variance $\lambda$, show that Tweedie's estimate is $k\,x_t$ with $k = \sqrt{\bar\alpha}\lambda/(\bar\alpha\lambda + 1 - \bar\alpha)$. What is the variance of $\hat x_0$ at high noise, and why can a sampler that ends there not be calibrated?
# ```
#
# ```{solution} ex-one-direction
# :class: dropdown
#
# $x_0$ and $x_t$ are jointly Gaussian with covariance $\sqrt{\bar\alpha}\lambda$, and $x_t$ has variance $\bar\alpha\lambda + 1 - \bar\alpha$: the conditional mean is the ratio times $x_t$. Its variance is $\bar\alpha\lambda^2/(\bar\alpha\lambda + 1 - \bar\alpha)$, nearly
# zero when $\bar\alpha\to0$: an average of all possibilities does not vary. The last steps, at little noise, must put the variance back, and a coarse grid of steps leaves them out.
# ```
#
# ## What next
#
# {doc}`28_ddip_cost` counts seconds.
