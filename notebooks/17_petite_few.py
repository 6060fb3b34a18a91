# %% [markdown]
# # How few subjects are enough?
#
# *You will learn* when tuning few parameters is better than tuning all, and when it is just cheaper. *Before:* {doc}`14_petite_results`. *Time:* five minutes to read, some minutes to run.
#
# The released scripts fine-tune on ten subjects {cite:p}`petite2024`. Pairs of a short and a long scan are what a new site has least of. Here one to ten subjects of the target scanner train all parameters, the biases alone, or PETITE; learning rates stay as they were ({doc}`14_petite_results`), subjects are drawn several times.

# %% tags=["parameters"]
source: str = "hrrt"
target: str = "ecat-hrplus"
dose: float = 0.05
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from petrecon.compendium import (
    load_numbers,
    profile_sizes,
    record,
    record_backend,
    show,
    show_text,
    style,
    table,
    track_input,
)
from petrecon.metrics import Interval, format_interval
from petrecon.models import weights_path
from petrecon.peft import Recipe
from petrecon.petite import (
    instrument,
    load_pairs,
    load_source,
    mean_scores,
    population,
    score_bounds,
    source_name,
)
from petrecon.projectors import load_scanner
from petrecon.studies.petite_recipes import factor_of, fine_tune, label, variants

style()
size = profile_sizes("17_petite_few", profile)
printed = {"cvt-gan": "CVT-GAN", "unetr": "UNETR"}
methods = ["full-ft", "bitfit", "petite"]

# %%
psnr, start = {}, {}
jobs = [(n, size["steps"]) for n in size["numbers"]]
jobs += [
    (max(size["numbers"]), steps) for steps in size["lengths"] if steps != size["steps"]
]
for network in printed:
    name = source_name(network, source, size["weights"])
    track_input(weights_path(name))
    base, recipes = load_source(name), variants(network)
    rates = load_numbers(
        "12_petite_tuning", network=network, dose=base.dose, profile=profile
    )
    if network == "cvt-gan":  # BatchNorm's statistics are kept: 18_petite_batches
        rates |= load_numbers("18_petite_batches", dose=base.dose, profile=profile)
    recipes["full-ft"] = Recipe(full=True)
    pool = load_pairs(
        population(target, "train", size["pool"]),
        dose,
        coarsening=base.coarsening,
        progress=True,
    )
    test = load_pairs(
        population(target, "test", size["test"]),
        dose,
        coarsening=base.coarsening,
        progress=True,
    )
    start[network] = mean_scores(
        fine_tune(base, "no-ft", recipes["no-ft"], pool, test).scores
    )["psnr"]
    # each step takes all its patches from one subject, so that one and ten subjects see equally many
    patches = size["volumes"] * size["crops"]
    words = {
        "rank": size["rank"][network],
        "volumes": 1,
        "crops": patches,
        "progress": True,
    }
    for draw in range(size["draws"]):
        order = np.random.default_rng([seed, draw]).permutation(len(pool)).tolist()
        for n, steps in jobs:
            for method in methods:
                chosen, factor = pool.select(order[:n]), factor_of(rates, method)
                tuned = fine_tune(
                    base,
                    method,
                    recipes[method],
                    chosen,
                    test,
                    factor=factor,
                    steps=steps,
                    seed=seed + draw,
                    **words,
                )
                psnr.setdefault((network, method, n, steps), []).append(
                    mean_scores(tuned.scores)["psnr"]
                )
record_backend(instrument(target, base.coarsening).projector)


def gains(network: str, method: str, n: int, steps: int) -> list[float]:
    """Return what a method gains over No-FT, dB, one value per draw of subjects."""
    return [value - start[network] for value in psnr[network, method, n, steps]]


def kept(key: str, values: list[float], first: str, second: str, note: str) -> Interval:
    """Record a difference over draws of subjects."""
    return record(
        key,
        samples=values,
        units="subject draws",
        compares=(first, second),
        unit="dB",
        note=note,
    )


def draw_gains(
    values: list[int], points: list[tuple[int, int]], what: str
) -> plt.Figure:
    """Draw gains of all methods against a number of subjects or steps; `points` are (subjects, steps)."""
    fig, axes = plt.subplots(
        1, 2, figsize=(8.4, 3.6), sharey=True, layout="constrained"
    )
    for ax, (network, name) in zip(axes, printed.items(), strict=True):
        for k, method in enumerate(methods):
            found = [gains(network, method, *point) for point in points]
            middle = [float(np.mean(f)) for f in found]
            edges = [
                [m - min(f) for m, f in zip(middle, found, strict=True)],
                [max(f) - m for m, f in zip(middle, found, strict=True)],
            ]
            shifted = [v * 1.04 ** (k - 1) for v in values]
            title = label(method, variants(network)[method])
            ax.errorbar(shifted, middle, yerr=edges, fmt="o-", capsize=2, label=title)
        ax.axhline(0, color="0.6", lw=0.8)
        ax.set(xscale="log", xlabel=what, title=name)
        ax.set_xticks(values, [str(v) for v in values])
        ax.minorticks_off()
    axes[0].set_ylabel("gain over No-FT (dB)")
    axes[1].legend(fontsize=8)
    return fig


def told_gains(points: list[tuple[int, int]]) -> str:
    """Say the mean gains of all methods at some (subjects, steps)."""
    return "; ".join(
        f"{printed[n]} {label(m, variants(n)[m])}: "
        + ", ".join(f"{np.mean(gains(n, m, *point)):+.2f} dB" for point in points)
        for n in printed
        for m in methods
    )


# %% [markdown]
# ## Subjects

# %% tags=["hide-input"]
numbers, steps = size["numbers"], size["steps"]
few, many = min(numbers), max(numbers)
rows = []
for network, name in printed.items():
    for method in methods:
        row = {"network": name, "method": label(method, variants(network)[method])}
        for n in numbers:
            found = gains(network, method, n, steps)
            gained = kept(
                f"gain/{network}/{method}/{n}", found, method, "no-ft", "over No-FT"
            )
            row[f"{n} subject{'s' if n > 1 else ''}"] = format_interval(
                gained, sign=True, over=False
            )
        rows.append(row)
table(
    pd.DataFrame(rows),
    name="tab-petite-few",
    caption=f"PSNR gained over No-FT (dB) from {load_scanner(source).name} to {load_scanner(target).name}, by number of training subjects; mean over {size['draws']} draw(s) of subjects, which overlap, and their range or interval.",
)
show(
    draw_gains(
        numbers,
        [(n, steps) for n in numbers],
        "training subjects of the target scanner",
    ),
    name="fig-petite-few",
    caption=f"Gain over No-FT against the number of training subjects, {steps} steps each. Bars: lowest and highest of {size['draws']} draws of subjects, which overlap.",
    alt=f"With {few} and {many} subjects: {told_gains([(few, steps), (many, steps)])}.",
    dimensionless=["training subjects of the target scanner"],
)
for network, name in printed.items():
    ahead = {
        n: kept(
            f"full_over_petite/{network}/{n}",
            np.subtract(
                gains(network, "full-ft", n, steps), gains(network, "petite", n, steps)
            ).tolist(),
            "full-ft",
            "petite",
            f"{n} subject(s)",
        )
        for n in numbers
    }
    show_text(
        f"{name}: full fine-tuning minus PETITE is {format_interval(ahead[few], sign=True, unit='dB')} with {few} subject(s), {format_interval(ahead[many], sign=True, unit='dB')} with {many}."
    )
ceiling = mean_scores(score_bounds(test)["ceiling"])["psnr"]
show_text(
    f"For scale: as they come the networks have {start['cvt-gan']:.2f} and {start['unetr']:.2f} dB; the ceiling is {ceiling:.2f} dB."
)

# %% [markdown]
# ## Steps
#
# Fewer parameters may just learn more slowly. With all subjects and the same learning rates, the training is made shorter and longer.

# %% tags=["hide-input"]
lengths = sorted({*size["lengths"], steps})
show(
    draw_gains(lengths, [(many, length) for length in lengths], "steps of fine-tuning"),
    name="fig-petite-steps",
    caption=f"Gain over No-FT against the number of steps, {many} subjects each. Bars as above. The learning rates were tuned at {steps} steps.",
    alt=f"With {lengths[0]} and {lengths[-1]} steps: {told_gains([(many, lengths[0]), (many, lengths[-1])])}.",
    dimensionless=["steps of fine-tuning"],
)
for network, name in printed.items():
    longest = np.subtract(
        gains(network, "full-ft", many, lengths[-1]),
        gains(network, "petite", many, lengths[-1]),
    ).tolist()
    longest = kept(
        f"full_over_petite_longest/{network}",
        longest,
        "full-ft",
        "petite",
        f"{lengths[-1]} steps",
    )
    grown = [
        np.mean(gains(network, "petite", many, length))
        for length in (steps, lengths[-1])
    ]
    show_text(
        f"{name}: from {steps} to {lengths[-1]} steps PETITE goes from {grown[0]:+.2f} to {grown[1]:+.2f} dB; full fine-tuning minus PETITE is then {format_interval(longest, sign=True, unit='dB')}."
    )

# %% [markdown]
# ```{exercise} Overfitting, where?
# :label: ex-petite-few
#
# Full fine-tuning moves millions of numbers and one subject is one image. Why need it not overfit badly?
# ```
#
# ```{solution} ex-petite-few
# :class: dropdown
#
# A few dozen steps at a small rate move the weights little, whatever their number. And one *volume* holds thousands of almost independent samples of the noise: many for a gain, a blur and a texture, one for anatomy. The second figure trains longer: look there for a gain that turns.
# ```
#
# ## What next
#
# Back to {doc}`14_petite_results`, or on to {doc}`20_ddip_idea`: a prior that needs no pair at all.
