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
import torch

from petrecon import ddip
from petrecon.compendium import (
    curves,
    profile_sizes,
    record,
    record_backend,
    show,
    show_text,
    style,
    table,
)
from petrecon.models import NoiseSchedule
from petrecon.projectors import AcquisitionModel, load_scanner, make_projector
from petrecon.studies.ddip_calibration import record_calibration
from petrecon.studies.ddip_figures import draw_rank_histograms

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
covariance = ddip.smooth_covariance(shape, 0.08, 3.0)
prior = ddip.GaussianPrior(torch.full(shape, 0.5), covariance, schedule)
truths = prior.sample(size["truths"], seed)
shared = {"use_mr": False, "steps": size["steps"], "ceiling": 10.0}
samplers = {
    "frozen prior": ddip.DDIPSettings(
        **shared, adapt="none", data="none", consistency_em=5
    ),
    "DDIP": ddip.DDIPSettings(
        **shared, adapt="full", learning_rate=size["learning_rate"]
    ),
}
n = size["samples"]
draws = {}
for k, truth in enumerate(truths):
    generator = torch.Generator().manual_seed(seed + k)
    y = torch.poisson(model(truth * unit), generator=generator)
    posterior = prior.posterior(y, model, unit, schedule)
    draws.setdefault("exact", []).append(posterior.sample(n, seed + 1000 + k))
    for eta in (0.0, 0.85):
        words = {"steps": size["sampler_steps"], "eta": eta, "seed": seed + k}
        images = ddip.sample(posterior, schedule, torch.zeros(n, 1, *shape), **words)
        draws.setdefault(f"sampler, η = {eta:g}", []).append(images[:, 0])
    for name, settings in samplers.items():
        result = ddip.ddip(
            y.expand(n, *y.shape),
            model,
            None,
            prior,
            schedule,
            settings,
            seed + k,
            scale=unit,
        )
        draws.setdefault(name, []).append(result.image / unit)
samples = {
    name: torch.stack(each, 1) for name, each in draws.items()
}  # (n, truths, X, Y)

# %% [markdown]
# ## Rank histograms
#
# Where does the truth fall among the samples of its pixel? If truth and samples come from the same distribution, every rank is equally likely and the histogram is flat. A valley means the samples crowd together, overconfident; a hump, that they spread too much.

# %%
histograms = {
    name: ddip.rank_histogram(images, truths, bins=5, seed=seed)
    for name, images in samples.items()
}
summary = record_calibration(samples, truths)
error = summary.set_index("sampler")["error"]

# %% tags=["hide-input"]
ends = {name: (bars[0] + bars[-1]) / 2 for name, bars in histograms.items()}
show(
    draw_rank_histograms(histograms),
    name="fig-rank-histograms",
    caption="Rank of the truth among the samples, pooled over pixels and truths. Flat "
    "is calibrated.",
    alt="Outermost bars relative to a flat histogram: "
    + ", ".join(f"{name} {height:.2f}" for name, height in ends.items())
    + ".",
    dimensionless=["fifth of the ranks", "frequency (expected = 1)"],
)
table(
    summary,
    name="tab-calibration",
    caption="Share of pixels (%) whose truth lies in the central 50 and 80 % of the "
    "samples; spread of the samples relative to the exact posterior; error of their "
    "mean relative to the prior's standard deviation.",
    formats={
        "covers, of 50 %": ".0f",
        "of 80 %": ".0f",
        "spread": ".2f",
        "error": ".3f",
    },
)
show_text(
    "Adapting the mean freely, one number per pixel, gives "
    f"**{error['DDIP'] / error['exact']:.1f}** times the error of the exact "
    "posterior's mean: nothing keeps it from learning the noise. In DDIP proper the "
    "structure of the network and the low rank stand in the way."
)

# %% [markdown]
# ## Why $\eta$ = 0.85 is overconfident
#
# With a Gaussian every step of the sampler is linear, so the variance it returns follows from a recursion, direction by direction. The mixing of fresh noise that DDIP uses (much stronger than that of DDIM) forgets part of the variance at every step; more steps bring it back.

# %%
largest = prior.values.sort(descending=True).values[:30]
step_counts = [10, 25, 50, 100, 200, 1000]
shares = {}
for eta in (0.0, 0.5, 0.85):
    returned = [
        ddip.sampled_variance(
            largest, ddip.noise_levels(1000, steps), schedule, eta, torch.ones(30)
        ).sum()
        for steps in step_counts
    ]
    shares[eta] = [float(variance / largest.double().sum()) for variance in returned]
    for steps, share in zip(step_counts, shares[eta], strict=True):
        record(f"variance/{eta:g}/{steps}", share, kind="exact")

# %% tags=["hide-input"]
by_steps = dict(zip(step_counts, shares[0.85], strict=True))
curves(
    {f"η = {eta:g}": several for eta, several in shares.items()},
    x=step_counts,
    log="x",
    formats={f"η = {eta:g}": "o-" for eta in shares},
    xlabel="sampling steps",
    ylabel="variance returned / true",
    name="fig-sampled-variance",
    caption="Variance that the sampler returns, summed over the thirty largest "
    "directions of the prior, relative to the true one.",
    alt=f"With eta 0.85 the sampler returns {by_steps[10]:.2f} of the variance with "
    f"10 steps, {by_steps[50]:.2f} with 50 and {by_steps[1000]:.2f} with 1000.",
    dimensionless=["sampling steps", "variance returned / true"],
)
show_text(
    "With 50 steps and η = 0.85 even the exact score returns "
    f"**{100 * by_steps[50]:.0f} %** of the variance. The spread of DDIP images over "
    "seeds is no error bar."
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
